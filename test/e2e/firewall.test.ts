// The firewall of docs/security.md, loaded as it stands: machines reach the rack's doors and the internet, other networks reach neither the boot
// port nor a machine, and an address that floods DNS uses up only its own questions.
// @host waits
// @process own

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { partsOf, readDocument } from '../documents/markdown.ts';
import { endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer, until } from '../support/own-network.ts';

const PAGE = 'docs/security.md';
const [RACK, MACHINE, OTHER_MACHINE, STRANGER] = ['10.20.0.1', '10.20.0.50', '10.20.0.51', '203.0.113.50'];
const [RACK_OUTSIDE, OUTSIDE, INTERNET] = ['192.0.2.1', '192.0.2.53', '198.51.100.7'];
/** An answer to everything: by UDP the sender's address, at port 7007 of each address in `argv`; TFTP's from a port of its own, acknowledged. */
const SERVE = `const dgram = require('node:dgram'), net = require('node:net');
const udp = (port, onMessage, own) => { const s = dgram.createSocket('udp4'); s.on('message', (_b, from) => onMessage(s, from)); s.bind(port, own); };
const echo = (s, { address, port }) => s.send(address, port, address);
for (const port of [53, 67]) udp(port, echo);
for (const own of process.argv.slice(1)) udp(7007, echo, own);
udp(69, (_s, { address, port }) => { const own = dgram.createSocket('udp4');
  own.on('message', () => own.send('done', port, address)); own.send('block', port, address); });
let open = 0;
for (const port of [22, 53, 5240, 5248, 5249]) net.createServer((c) => c.end()).listen(port, '0.0.0.0', () => { if (++open === 5) console.log('ready'); });`;
/** Asks \`argv[3]\` at \`argv[4]\` by \`argv[1]\` from \`argv[2]\`, and prints the answer. */
const ASK = `const [, kind, from, to, port] = process.argv;
const say = (text) => { console.log(text); process.exit(0); };
setTimeout(() => say('nothing'), 1500);
if (kind === 'tcp') require('node:net').connect({ host: to, port: Number(port), localAddress: from }, () => say('open')).on('error', () => undefined);
else { const s = require('node:dgram').createSocket('udp4'); let asked = Number(port);
  s.on('message', (bytes, { port: answering }) => { if (kind === 'tftp' && String(bytes) === 'block') s.send('ack', answering, to); else say(String(bytes)); });
  s.bind(0, from, () => { const send = () => s.send('?', asked, to); send(); setInterval(send, 300); }); }`;
/** Sends \`argv[3]\` questions from \`argv[1]\` to \`argv[2]\`, one every \`argv[4]\` ms (0: as fast as it can), and prints what became of them. */
const FLOOD = `const [, from, to, count, everyMs] = process.argv;
const s = require('node:dgram').createSocket('udp4'); let sent = 0, answered = 0; const began = Date.now();
s.on('message', () => { answered += 1; });
const end = () => setTimeout(() => { console.log(JSON.stringify({ sent, answered, ms: Date.now() - began })); process.exit(0); }, 1000);
const step = () => { if (sent >= Number(count)) return end(); sent += 1; s.send('?', 53, to, () => Number(everyMs) > 0 ? setTimeout(step, Number(everyMs)) : setImmediate(step)); };
s.bind(0, from, step);`;
const FLOOD_QUESTIONS = 10_000;
/** Of the page's rule. */
const [RATE, BURST] = [200, 400];
const flooded = z.object({ sent: z.number(), answered: z.number(), ms: z.number() });

function firewall(): string {
  const blocks = partsOf(readDocument(PAGE)).flatMap((part) => (part.kind === 'block' ? [part.lines.join('\n')] : []));
  return blocks.find((block) => block.startsWith('#!/usr/sbin/nft')) ?? assert.fail(`${PAGE} shows no firewall`);
}

describe('the firewall of the documents', {
  skip: missing('linux', 'root', 'ip', 'unshare', 'nsenter', 'nft', 'sysctl'),
}, () => {
  let scratch = '';
  let machine: Peer;
  let outside: Peer;
  const servers: ChildProcess[] = [];
  const ask = (peer: Peer, kind: string, from: string, to: string, port: number): string =>
    peer.run(process.execPath, '-e', ASK, kind, from, to, String(port)).trim();
  const flood = async (from: string, count: number, everyMs: number): Promise<z.infer<typeof flooded>> => {
    const child = machine.start(process.execPath, '-e', FLOOD, from, RACK, String(count), String(everyMs));
    let text = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8');
    });
    await new Promise((resolve) => child.on('close', resolve));
    return flooded.parse(JSON.parse(text));
  };

  before(async () => {
    enterOwnNetwork();
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-firewall-'));
    [machine, outside] = [await openPeer(), await openPeer()];
    machine.cable('eth1', 'cable');
    outside.cable('eth0', 'cable');
    ip(`address add ${RACK}/24 dev eth1`);
    ip(`address add ${RACK_OUTSIDE}/24 dev eth0`);
    ip(`route add default via ${OUTSIDE}`);
    for (const address of [MACHINE, OTHER_MACHINE, STRANGER])
      machine.run('ip', 'address', 'add', `${address}/24`, 'dev', 'cable');
    machine.run('ip', 'route', 'add', 'default', 'via', RACK);
    outside.run('ip', 'link', 'set', 'lo', 'up');
    outside.run('ip', 'address', 'add', `${OUTSIDE}/24`, 'dev', 'cable');
    outside.run('ip', 'address', 'add', `${INTERNET}/32`, 'dev', 'lo');
    // It goes by the rack to the machines, as a host would that wants to reach them.
    outside.run('ip', 'route', 'add', '10.20.0.0/24', 'via', RACK_OUTSIDE);
    execFileSync('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
    const here = spawn(process.execPath, ['-e', SERVE], { stdio: ['ignore', 'pipe', 'pipe'] });
    const atMachine = machine.start(process.execPath, '-e', SERVE, MACHINE);
    const atOutside = outside.start(process.execPath, '-e', SERVE, OUTSIDE, INTERNET);
    for (const server of [here, atMachine, atOutside]) {
      servers.push(server);
      let text = '';
      server.stdout?.on('data', (bytes: Buffer) => {
        text += bytes.toString('utf8');
      });
      await until(() => text.includes('ready'), 20_000);
    }
    const reached = [ask(outside, 'tcp', OUTSIDE, RACK, 5248), ask(outside, 'udp', OUTSIDE, MACHINE, 7007)];
    assert.deepEqual(reached, ['open', OUTSIDE], 'without the firewall both are reached');
    const file = join(scratch, 'nftables.conf');
    writeFileSync(file, firewall());
    execFileSync('nft', ['-f', file], { stdio: 'pipe' });
  });
  after(async () => {
    for (const server of servers) await endProgram(server, 'SIGKILL');
    await machine?.close();
    await outside?.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('lets machines ask for addresses, files, names and the page, and not for metrics or SSH', () => {
    const asked = [
      ...[67, 53].map((port) => ask(machine, 'udp', MACHINE, RACK, port)),
      ask(machine, 'tftp', MACHINE, RACK, 69),
      ...[53, 5240, 5248, 5249, 22].map((port) => ask(machine, 'tcp', MACHINE, RACK, port)),
    ];
    assert.deepEqual(asked, [MACHINE, MACHINE, 'done', 'open', 'open', 'open', 'nothing', 'nothing']);
  });

  test('drops questions of an address that is not in the machines’ network', () => {
    assert.equal(ask(machine, 'udp', STRANGER, RACK, 53), 'nothing');
  });

  test('lets other networks reach SSH, but no boot port, no other service of the rack and no machine', () => {
    assert.equal(ask(outside, 'tcp', OUTSIDE, RACK_OUTSIDE, 22), 'open');
    for (const address of [RACK, RACK_OUTSIDE])
      for (const port of [5240, 5248]) assert.equal(ask(outside, 'tcp', OUTSIDE, address, port), 'nothing');
    assert.equal(ask(outside, 'udp', OUTSIDE, RACK, 53), 'nothing');
    assert.equal(ask(outside, 'udp', OUTSIDE, MACHINE, 7007), 'nothing');
  });

  test('lets machines reach the internet by the rack’s address, but not the rack’s other network', () => {
    assert.equal(ask(machine, 'udp', MACHINE, INTERNET, 7007), RACK_OUTSIDE);
    assert.equal(ask(machine, 'udp', MACHINE, OUTSIDE, 7007), 'nothing');
  });

  test('an address that floods DNS from one port uses up its own share of questions, and no other address’s', async () => {
    const [flooder, bystander] = await Promise.all([flood(MACHINE, FLOOD_QUESTIONS, 0), flood(OTHER_MACHINE, 20, 50)]);
    assert.equal(bystander.answered, bystander.sent);
    const most = BURST + (RATE * flooder.ms) / 1000 + 50;
    assert.ok(flooder.answered <= most, `${flooder.answered} of ${flooder.sent} answered in ${flooder.ms} ms`);
    assert.ok(flooder.answered >= BURST / 2, `${flooder.answered} answered`);
    assert.ok(flooder.sent > most, `${flooder.sent} questions are not a flood`);
  });
});
