// The page of the lab with a virtual machine: read-only pages are forwarded; any other request gets a page that says so.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startVirtualPage } from '../../src/lab/virtual-page.ts';
import { portOf } from '../support/listening-port.ts';

interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly host?: string;
}

const CASES: readonly (readonly [what: string, asked: Asked, status: number])[] = [
  ['the list', { method: 'GET', path: '/MAAS/?q=web' }, 200],
  ['a machine', { method: 'GET', path: '/MAAS/machines/abc123/' }, 200],
  ['signing in', { method: 'GET', path: '/MAAS/login/?to=%2FMAAS%2F' }, 404],
  ['a form', { method: 'POST', path: '/MAAS/' }, 404],
  ['the API', { method: 'GET', path: '/MAAS/api/2.0/machines/' }, 404],
  ['the page of an action', { method: 'GET', path: '/MAAS/machines/abc123/do/accept/' }, 404],
  ['the list by the name of another site', { method: 'GET', path: '/MAAS/', host: 'evil.example' }, 404],
];

test('read-only pages are forwarded; other requests get a page that says so, and where the commands are', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-page-'));
  const socketPath = join(directory, 'control.sock');
  const passed: string[] = [];
  const rack = createServer((asked, reply) => {
    passed.push(`${asked.method} ${asked.url}`);
    reply.end('the page of the rack');
  });
  rack.listen(socketPath);
  await once(rack, 'listening');
  const page = await startVirtualPage(socketPath, 0);
  try {
    const port = portOf(page);
    for (const [what, { method, path, host = `127.0.0.1:${port}` }, status] of CASES) {
      const sent = request({ host: '127.0.0.1', port, path, method, headers: { host } });
      sent.end();
      const [answer] = await once(sent, 'response');
      let text = '';
      for await (const bytes of answer) text += String(bytes);
      assert.equal(answer.statusCode, status, what);
      if (status === 200) assert.equal(text, 'the page of the rack', what);
      else assert.match(text, /you cannot sign in, and there is no user and no password.*<a href="\/MAAS\/">/s, what);
    }
    assert.deepEqual(passed, ['GET /MAAS/?q=web', 'GET /MAAS/machines/abc123/']);
  } finally {
    page.close();
    page.closeAllConnections();
    rack.close();
    rmSync(directory, { recursive: true });
  }
});
