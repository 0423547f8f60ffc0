// The lab's requests to its region: no more power queries than one person may run, and retries after a refusal.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CONTROL_SOCKET } from '../../src/http/config.ts';
import { LANES_MAX } from '../../src/lab/fleet.ts';
import { LabRegion } from '../../src/lab/lab-region.ts';
import { QUERIES_OF_PERSON_MAX } from '../../src/region-host/power-query-limits.ts';

test('a hall handles no more machines at a time than one person may query the power of', () => {
  assert.ok(LANES_MAX >= 1 && LANES_MAX <= QUERIES_OF_PERSON_MAX, `${LANES_MAX} lanes`);
});

test('a power query is repeated if the region says to wait', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-lab-region-'));
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    if (asked === 1) response.writeHead(429, { 'Retry-After': '1' }).end('wait a little');
    else response.setHeader('Content-Type', 'application/json').end('{"state":"on"}');
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  try {
    await new LabRegion(stateDir).queryPower('abc');
    assert.equal(asked, 2);
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
});
