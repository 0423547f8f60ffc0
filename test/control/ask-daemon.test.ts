// The output of a command when the daemon refuses, or answers what cannot be read.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { askDaemon, followDaemon } from '../../src/control/ask-daemon.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';
import { scratchDirectory } from '../support/scratch.ts';

const SCRATCH = scratchDirectory();

const SENTENCE = 'region.db cannot be used now (database or disk is full): make room on its disk';

test('a sentence of the region is printed alone; any other refusal names the daemon, path and status', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-control-'));
  const server = createServer((request, response) => {
    response.statusCode = 503;
    response.end(request.url === '/MAAS/empty' ? '' : SENTENCE);
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  try {
    await assert.rejects(askDaemon(stateDir, '/MAAS/api/2.0/machines/'), { message: SENTENCE });
    await assert.rejects(askDaemon(stateDir, '/MAAS/empty'), {
      message: /^the daemon answered \/MAAS\/empty with 503: /,
    });
    await assert.rejects(askDaemon(stateDir, '/status'), { message: /^the daemon answered \/status with 503: region/ });
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
});

test('an answer or a line that is no JSON ends the question', async (t) => {
  const stateDir = SCRATCH;
  const daemon = createServer((_request, response) => void response.end('{"one":1}\nnonsense\n'));
  daemon.listen(join(stateDir, CONTROL_SOCKET));
  await once(daemon, 'listening');
  t.after(() => daemon.close());
  const expected = { code: 'not-running', message: "the daemon's answer to /x is not JSON" };
  await assert.rejects(askDaemon(stateDir, '/x'), expected);
  const lines: unknown[] = [];
  await assert.rejects(
    followDaemon(stateDir, '/x', (line) => lines.push(line), new AbortController().signal),
    expected,
  );
  assert.deepEqual(lines, [{ one: 1 }]);
});
