// `rackboot machines rescue --wait` waits until the machine is in rescue mode. It runs as its own process: a timer that does not keep the
// process alive would end it early, which a test in this process would not see.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { answerControl } from '../support/control-answers.ts';

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

test('rescue --wait waits until the machine is in rescue mode, and shows its login', async (t) => {
  let looks = 0;
  const { config } = await answerControl(t, ({ pathname, searchParams }, method) => {
    if (searchParams.get('op') === 'logins') return [{ ...LOGIN, host_key: 'SHA256:x' }];
    if (pathname.endsWith('/machines/')) return [{ ...MACHINE, status_name: 'Ready' }];
    if (method === 'GET') looks += 1;
    return { ...MACHINE, status_name: looks > 1 ? 'Rescue mode' : 'Entering rescue mode' };
  });
  const words = [MAIN, 'machines', 'rescue', 'm1', '--wait', '--config', config];
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 30_000 });
  assert.match(stdout, /^m1\.maas is Entering rescue mode\.\nm1\.maas \(abc\) is Rescue mode now\.\n.*ssh root@/);
});
