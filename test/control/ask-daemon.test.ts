// The output of a command when the daemon refuses.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';

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
