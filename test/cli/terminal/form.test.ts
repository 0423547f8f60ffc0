// Commands that are one request: what they send, and what they print of a thing that is gone.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

const API = '/MAAS/api/2.0';
const MACHINE = {
  system_id: 'abc123',
  hostname: 'calm-eagle',
  fqdn: 'calm-eagle.maas',
  status_name: 'Ready',
  architecture: 'amd64/generic',
  cpu_count: 1,
  memory: 1024,
  ip_addresses: [],
  interface_set: [{ name: 'eth0', mac_address: '52:54:00:00:00:01' }],
  physicalblockdevice_set: [],
  hardware_info: null,
};

const run = async (t: TestContext, ...words: readonly string[]) => {
  const control = await answerControl(t, ({ pathname }) => {
    if (pathname === `${API}/machines/`) return [MACHINE];
    if (pathname === `${API}/users/`) return [{ username: 'ann', email: '', is_superuser: false }];
    if (pathname === `${API}/tags/`) return [{ name: 'gpu', comment: '', kernel_opts: '' }];
    return pathname === `${API}/devices/` ? [] : MACHINE;
  });
  const printed = await printedBy(() => runCommandLine([...words, '--config', control.config]));
  return { ...control, ...printed };
};

for (const [words, path, expected] of [
  ['machines remove 52:54:00:00:00:01', 'machines/abc123/?force=false', { system_id: 'abc123' }],
  ['machines remove calm-eagle --force', 'machines/abc123/?force=true', { system_id: 'abc123' }],
  ['scripts remove fan', 'scripts/fan/', { name: 'fan' }],
  ['sshkeys remove 7', 'account/prefs/sshkeys/7/', { id: 7 }],
  ['sshkeys remove 7 --username ann', 'account/prefs/sshkeys/7/?username=ann', { id: 7 }],
  ['tags remove gpu', 'tags/gpu/', { name: 'gpu' }],
  ['users remove ann', 'users/ann/', { username: 'ann' }],
] as const)
  test(`${words} prints in JSON what is removed`, async (t) => {
    const { text, deleted } = await run(t, ...words.split(' '), '--json');
    assert.deepEqual(JSON.parse(text), expected);
    assert.deepEqual(deleted, [`${API}/${path}`]);
  });

for (const [words, body] of [
  ['machines accept calm-eagle --skip-commissioning --comment Hurry', 'comment=Hurry&skip_commissioning=true'],
  ['machines accept calm-eagle', ''],
  ['machines allocate --tag a --tag b --memory 1024', 'mem=1024&tags=a%2Cb'],
  ['machines release calm-eagle --erase signatures', 'erase=true&quick_erase=true'],
  ['machines merge calm-eagle abc123', 'other=abc123'],
  ['machines split calm-eagle --mac 52:54:00:00:00:01', 'mac_addresses=52%3A54%3A00%3A00%3A00%3A01'],
  ['machines debug-login calm-eagle --for 10m', 'seconds=600'],
  ['tags set gpu --rename gpus --kernel-opts=', 'name=gpus&kernel_opts='],
] as const)
  test(`${words} sends what is named`, async (t) => {
    const { bodies } = await run(t, ...words.split(' '), '--json');
    assert.deepEqual(bodies, body === '' ? [] : [body]);
  });

test('a tag without a change, and a thing that does not exist, are refused before anything is sent', async (t) => {
  for (const words of [
    ['tags', 'set', 'gpu'],
    ['machines', 'release', 'nosuch'],
  ]) {
    const { result, bodies, complaint } = await run(t, ...words);
    assert.notEqual(result, 0);
    assert.deepEqual(bodies, []);
    assert.match(complaint, /--rename, --comment|no machine is called nosuch/);
  }
});
