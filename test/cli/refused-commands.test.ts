// Commands that the region refuses: their exit code, the name of the option, and the next step. A real region is asked with an
// administrator's key by the control socket.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { findOwnProgram } from '../../src/control/own-program.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';
import { type LiveRegion, startRegion } from '../region/live.ts';
import { printedBy } from '../support/printed.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-refused-'));
const config = join(stateDir, 'rackboot.yaml');
const script = join(stateDir, 'fan.sh');
const passwordFile = join(stateDir, 'password');
const MAC = '52:54:00:5a:00:01';

const NAME = { os: 'debian', release: 'bookworm' };
const IMAGE = { ...NAME, path: '/images/aa/a.raw', sha256: 'a'.repeat(64), bytes: 10, format: 'raw' };

let live: LiveRegion;
const server = createServer(async (request, response) => {
  const { method = 'GET', url = '' } = request;
  const body = await text(request);
  const answer = await fetch(`${live.origin}${url}`, {
    method,
    headers: {
      authorization: live.authorization,
      'content-type': request.headers['content-type'] ?? 'application/x-www-form-urlencoded',
    },
    ...(method === 'GET' ? {} : { body }),
  });
  const type = answer.headers.get('content-type') ?? 'text/plain';
  response.writeHead(answer.status, { 'Content-Type': type }).end(await answer.text());
});

const run = (...words: readonly string[]) => printedBy(() => runCommandLine([...words, '--config', config]));

async function succeed(...words: readonly string[]): Promise<void> {
  const { result, complaint } = await run(...words);
  assert.equal(result, 0, complaint);
}

/** The words without notes, and with commands as documents write them. */
const plain = (said: string): string =>
  said
    .replace(/^Note: .*\n/gm, '')
    .replaceAll(`${findOwnProgram()} `, 'rackboot ')
    .replaceAll(` --config ${config}`, '');

/** Sends a request that has no command. */
async function post(path: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const { status } = await fetch(`${live.origin}/MAAS/api/2.0/${path}`, {
    method: 'POST',
    headers: { authorization: live.authorization },
    body: new URLSearchParams(fields),
  });
  assert.equal(status, 200);
}

before(async () => {
  live = await startRegion({}, { findImage: ({ kernel }) => (kernel === undefined ? IMAGE : undefined) });
  writeFileSync(config, `state_dir: ${stateDir}\n`);
  writeFileSync(script, '#!/bin/sh\ntrue\n');
  writeFileSync(passwordFile, 'correct horse\n', { mode: 0o600 });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  await succeed('machines', 'add', MAC, '--hostname', 'calm-ibis', '--no-commission');
  await succeed('machines', 'add', '52:54:00:5a:00:02', '--hostname', 'idle-crow', '--no-commission');
  await succeed('machines', 'accept', 'idle-crow', '--skip-commissioning');
  await succeed('scripts', 'add', script);
  await succeed('tags', 'add', 'fast');
  await post('devices/', { hostname: 'dev2', mac_addresses: '52:54:00:99:00:03' });
});
after(async () => {
  server.close();
  await live.close();
  rmSync(stateDir, { recursive: true });
});

const STATE = /^rackboot: calm-ibis is in the state New: .*Possible: accept, /;
const USER = /^rackboot: The user admin exists already: .*rackboot password admin/;
const NO_MATCH = /^rackboot: No Ready machine meets these conditions/;
const DEVICE = /^rackboot: dev2 is a device: .*rackboot devices read.* shows all/;

const CASES: readonly (readonly [words: string, code: number, complaint: RegExp])[] = [
  // The state of a machine that is named.
  ['machines allocate calm-ibis', 2, STATE],
  ['machines allocate calm-ibis --address 10.20.0.200', 2, STATE],
  ['machines allocate idle-crow --cpus 4096', 2, NO_MATCH],
  ['machines allocate --cpus 4096', 2, NO_MATCH],
  // Options, with their units.
  ['machines allocate --memory 4G', 2, /^rackboot: --memory 4G is not a number of MiB: for 4 GiB give 4096$/m],
  ['machines allocate --memory 4GiB', 2, /^rackboot: --memory 4GiB is not a number of MiB: for 4 GiB give 4096$/m],
  ['machines allocate --memory much', 2, /^rackboot: --memory much is not a number of MiB$/m],
  ['machines allocate --memory=-4', 2, /^rackboot: --memory: is negative, too large, or has too many decimals$/m],
  ['machines allocate --cpus four', 2, /^rackboot: --cpus four is not a number of processors$/m],
  ['machines allocate --arch amd64 --arch arm64', 2, /^rackboot: give --arch only once$/m],
  ['machines allocate --address none', 2, /^rackboot: --address: Give an IPv4 address/],
  [`scripts add ${script} --position last --replace`, 2, /^rackboot: --position last is not a number$/m],
  [`scripts add ${script} --position 1000 --replace`, 2, /^rackboot: --position: .*999/],
  ['machines deploy idle-crow debian/bookworm --kernel hwe-24.04', 2, /^rackboot: --kernel: debian\/bookworm has no/],
  // Names and addresses that exist already.
  [`users add admin --password-file ${passwordFile}`, 2, USER],
  ['users add admin', 2, USER],
  [`machines add ${MAC}`, 2, /^rackboot: a machine with the address 52:54:00:5a:00:01 already exists/],
  [
    `scripts add ${script}`,
    2,
    /^rackboot: --name: The script fan exists already: change it \(.*--replace.*\), or choose/,
  ],
  ['tags add fast', 2, /^rackboot: NAME: Tag with this Name already exists\.$/m],
  ['tags set fast', 2, /--rename, --comment, --kernel-opts or --definition$/m],
  ['tags set fast --kernel-opts a=\u0007', 2, /^rackboot: --kernel-opts: /],
  ['tags set fats --comment slow', 1, /^rackboot: there is no tag fats: did you mean fast\?/],
  // The next step.
  ['sshkeys list --username amin', 1, /no user amin\. Did you mean admin\? .*rackboot users list/],
  ['sshkeys remove 77', 1, /^rackboot: No SSH key has this id: .*rackboot sshkeys list\b.* shows all\.$/m],
  ['sshkeys remove 77 --username admin', 1, /rackboot sshkeys list --username admin\b.* shows all\.$/m],
  ['sshkeys remove first', 2, /^rackboot: ID first is not a number$/m],
  ['scripts remove nosuch', 1, /^rackboot: No script has this name: .*rackboot scripts list\b.* shows all\.$/m],
  ['scripts results calm-ibis nosuch', 1, /calm-ibis has no result of nosuch: .*rackboot scripts results calm-ibis/],
  ['machines allocate --tag fats', 2, /^rackboot: --tag: .*'fats'\. Did you mean fast\? .*rackboot tags list/],
  ['machines keep-apart calm-ibis calm-ibis', 2, /calm-ibis \(\w{6}\) cannot be kept apart from itself$/m],
  // Devices.
  ['machines show dev2', 1, DEVICE],
  ['machines remove dev2 --yes', 1, DEVICE],
  ['machines show dev3', 1, /^rackboot: no machine is called dev3; /],
];

for (const [words, code, complaint] of CASES)
  test(`rackboot ${words.replaceAll(stateDir, 'DIR')} is refused with the exit code ${code}`, async () => {
    const said = await run(...words.split(' '));
    assert.match(plain(said.complaint), complaint);
    assert.equal(said.result, code);
  });

test('a number is taken as a condition', () =>
  succeed('machines', 'allocate', 'idle-crow', '--cpus', '0', '--memory', '0'));
