// `rackboot machines rescue --wait` waits until the machine is in rescue mode. It runs as its own process: a timer that does not keep the
// process alive would end it early, which a test in this process would not see.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CONTROL_SOCKET } from '../../src/http/config.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const MACHINE = {
  system_id: 'abc',
  hostname: 'm1',
  fqdn: 'm1.maas',
  architecture: 'amd64/generic',
  hardware_info: null,
  cpu_count: 1,
  memory: 1024,
  ip_addresses: [],
  interface_set: [],
  physicalblockdevice_set: [],
};
const LOGIN = { kind: 'rescue', ssh: 'ssh root@10.0.0.9', username: 'admin', keys: 1, seconds_left: null };

test('rescue --wait waits until the machine is in rescue mode, and shows its login', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-rescue-'));
  const config = join(stateDir, 'rackboot.yaml');
  writeFileSync(config, `state_dir: ${stateDir}\n`);
  let looks = 0;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    const answer = (): unknown => {
      if (url.searchParams.get('op') === 'logins') return [{ ...LOGIN, host_key: 'SHA256:x' }];
      if (url.pathname.endsWith('/machines/')) return [{ ...MACHINE, status_name: 'Ready' }];
      if (request.method === 'GET') looks += 1;
      return { ...MACHINE, status_name: looks > 1 ? 'Rescue mode' : 'Entering rescue mode' };
    };
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer()));
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  try {
    const said = await new Promise<string>((resolve, reject) =>
      execFile(
        process.execPath,
        [MAIN, 'machines', 'rescue', 'm1', '--wait', '--config', config],
        { timeout: 30_000 },
        (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stderr, { cause: error }))),
      ),
    );
    assert.match(said, /^m1\.maas is Entering rescue mode\.\nm1\.maas \(abc\) is Rescue mode now\.\nRescue: ssh root@/);
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
});
