// The rack as the machines' router, set up as docs/first-machine.md says. A machine reaches a host outside, which sees the rack's address. The
// machine's packets to the rack stay unchanged. Nobody outside reaches a machine.
// @host waits
// @process own

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { partsOf, readDocument } from '../documents/markdown.ts';
import { endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer, until } from '../support/own-network.ts';

const PAGE = 'docs/first-machine.md';
const [RACK, MACHINE] = ['10.20.0.1', '10.20.0.50'];
const [RACK_OUTSIDE, OUTSIDE] = ['192.0.2.1', '192.0.2.53'];
/** The beginning of the host's own file, to which the rules are appended. */
const FILE_HEAD = '#!/usr/sbin/nft -f\n\nflush ruleset\n\n';
/** Answers each sender with the sender's address. */
const ECHO = `const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (_bytes, { address, port }) => socket.send(address, port, address));
socket.bind(7007, () => console.log('ready'));`;
/** Asks \`argv[1]\` for it, a few times. */
const ASK = `const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (bytes) => { console.log(String(bytes)); process.exit(0); });
socket.on('error', () => undefined);
setInterval(() => socket.send('?', 7007, process.argv[1]), 200);
setTimeout(() => { console.log('nothing'); process.exit(0); }, 1500);`;

/** The page's block that holds this text. */
function shown(text: string): string {
  const blocks = partsOf(readDocument(PAGE)).flatMap((part) => (part.kind === 'block' ? [part.lines.join('\n')] : []));
  return blocks.find((block) => block.includes(text)) ?? assert.fail(`${PAGE} shows no ${text}`);
}

describe('the rack as router', {
  skip: missing('linux', 'root', 'ip', 'unshare', 'nsenter', 'nft', 'sysctl'),
}, () => {
  let scratch = '';
  let machine: Peer;
  let outside: Peer;
  const echoes: ReturnType<Peer['start']>[] = [];
  const seenBy = (host: string): string => machine.run(process.execPath, '-e', ASK, host).trim();

  before(async () => {
    enterOwnNetwork();
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-router-'));
    [machine, outside] = [await openPeer(), await openPeer()];
    machine.cable('eth1', 'cable');
    outside.cable('eth0', 'cable');
    ip(`address add ${RACK}/24 dev eth1`);
    ip(`address add ${RACK_OUTSIDE}/24 dev eth0`);
    machine.run('ip', 'address', 'add', `${MACHINE}/24`, 'dev', 'cable');
    machine.run('ip', 'route', 'add', 'default', 'via', RACK);
    // It knows no way to the machines.
    outside.run('ip', 'address', 'add', `${OUTSIDE}/24`, 'dev', 'cable');
    const here = spawn(process.execPath, ['-e', ECHO], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const echo of [...[outside, machine].map((peer) => peer.start(process.execPath, '-e', ECHO)), here]) {
      echoes.push(echo);
      let text = '';
      echo.stdout?.on('data', (bytes: Buffer) => {
        text += bytes.toString('utf8');
      });
      await until(() => text.includes('ready'), 20_000);
    }
  });
  after(async () => {
    for (const echo of echoes) await endProgram(echo, 'SIGKILL');
    await machine?.close();
    await outside?.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('without the setting and the rules a machine reaches the rack alone', () => {
    assert.deepEqual([seenBy(RACK), seenBy(OUTSIDE)], [MACHINE, 'nothing']);
  });

  test('with both it reaches the outside by the rack’s address, and the rack by its own', () => {
    const setting =
      /^echo (net\.\S+=1) \| sudo tee /m.exec(shown('net.ipv4.ip_forward'))?.[1] ?? assert.fail('no setting');
    execFileSync('sysctl', ['-q', '-w', setting]);
    const file = join(scratch, 'nftables.conf');
    writeFileSync(file, `${FILE_HEAD}${shown('masquerade')}\n`);
    execFileSync('nft', ['-f', file], { stdio: 'pipe' });
    assert.deepEqual([seenBy(OUTSIDE), seenBy(RACK)], [RACK_OUTSIDE, MACHINE]);
  });

  test('and no outside host reaches a machine, as it would without the chain of replies', () => {
    outside.run('ip', 'route', 'add', '10.20.0.0/24', 'via', RACK_OUTSIDE);
    const reached = (): string => outside.run(process.execPath, '-e', ASK, MACHINE).trim();
    assert.equal(reached(), 'nothing');
    execFileSync('nft', ['flush', 'chain', 'ip', 'rackboot', 'forward'], { stdio: 'pipe' });
    assert.equal(reached(), OUTSIDE);
  });
});
