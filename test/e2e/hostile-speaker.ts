// Hostile clients for which no existing program will do, byte by byte: `hostile-speaker.ts WHAT RACK OWN-ADDRESS TEXT MAC`.
// Each WHAT is a conversation with the rack's real servers, which ends without a signal.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { MESSAGE_TYPE, OPTION } from '../../src/dhcp/wire/options.ts';
import { type ClientWords, clientBytes, readReply } from '../dhcp/lab.ts';
import { hw, ip } from '../support/lab-facts.ts';

const WAIT_MS = 4000;
const [what = '', rack = '', own = '', text = '', mac = ''] = process.argv.slice(2);

async function open(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port, own);
  await once(socket, 'listening');
  return socket;
}

/** Sends one datagram. @returns the answer, and the port it came from */
async function ask(socket: Socket, bytes: Uint8Array, port: number): Promise<readonly [Buffer, number]> {
  socket.send(bytes, port, rack);
  const [answer, { port: from }] = await once(socket, 'message', { signal: AbortSignal.timeout(WAIT_MS) });
  return [answer, from];
}

/** The text under a name of its own. */
const said = (name: string): Buffer => Buffer.from(`${name}${text}`, 'utf8');
const subOption = (code: number, value: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([code, value.length]), value]);

/** A client behind a relay agent; both send hostile text in every option that is kept. */
const lies = (): readonly (readonly [number, Uint8Array])[] => [
  [12, said('relayed-name')],
  [56, said('dhcp-message')],
  [60, said('relayed-class')],
  [61, Buffer.concat([Buffer.from([0]), said('relayed-id')])],
  [77, said('relayed-user')],
  [81, Buffer.concat([Buffer.from([0, 0, 0]), said('relayed-fqdn')])],
  [82, Buffer.concat([subOption(1, said('circuit-id')), subOption(2, said('remote-id'))])],
];

async function converse(end: 'none' | 'decline'): Promise<void> {
  const socket = await open(67);
  const words: ClientWords = { mac: hw(mac), giaddr: ip(own), options: lies() };
  const say = async (more: ClientWords, xid: number) =>
    readReply(new Uint8Array((await ask(socket, clientBytes({ ...words, ...more, xid }), 67))[0]));
  const offer = await say({ type: 'discover' }, 1);
  const server = ip(rack);
  const ack = await say({ type: 'request', requested: offer.yiaddr, server }, 2);
  if (ack.options.get(OPTION.messageType)?.[0] !== MESSAGE_TYPE.ack) throw new Error('no ACK');
  if (end === 'decline') {
    const bytes = clientBytes({ ...words, type: 'decline', requested: ack.yiaddr, server, xid: 3 });
    await new Promise((resolve) => socket.send(bytes, 67, rack, resolve));
  }
  socket.close();
}

/** Begins a transfer of a file that is there, and ends it with an ERROR packet (RFC 1350 §5). */
async function endTransfer(): Promise<void> {
  const socket = await open(0);
  const [, from] = await ask(socket, Buffer.from('\0\x01small\0octet\0', 'latin1'), 69);
  const error = Buffer.concat([Buffer.from([0, 5, 0, 0]), said('tftp-error'), Buffer.alloc(1)]);
  await new Promise((resolve) => socket.send(error, from, rack, resolve));
  socket.close();
}

/** Asks with a mode and options of hostile text. */
async function askOddly(): Promise<void> {
  const socket = await open(0);
  for (const [mode, option] of [
    [said('tftp-mode'), Buffer.from('blksize\x001408')],
    [Buffer.from('octet'), Buffer.concat([Buffer.from('blksize\0'), said('tftp-option')])],
  ] as const) {
    const end = Buffer.alloc(1);
    const bytes = Buffer.concat([Buffer.from('\0\x01small\0', 'latin1'), mode, end, option, end]);
    await ask(socket, bytes, 69).catch(() => undefined);
  }
  socket.close();
}

switch (what) {
  case 'dhcp':
    await converse('none');
    break;
  case 'dhcp-decline':
    await converse('decline');
    break;
  case 'tftp-error':
    await endTransfer();
    break;
  case 'tftp-odd':
    await askOddly();
    break;
  default:
    throw new Error(`no such conversation: ${what}`);
}
