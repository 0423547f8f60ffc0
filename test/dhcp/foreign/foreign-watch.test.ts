// The search for other DHCP servers, in virtual time on a wire that the test controls.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpEvent } from '../../../src/dhcp/events/events.ts';
import { composeProbe, decodeForeignOffer } from '../../../src/dhcp/foreign/foreign-probe.ts';
import { FOREIGN_SERVERS_MAX, ForeignServers, type Sighting } from '../../../src/dhcp/foreign/foreign-servers.ts';
import {
  AGAIN_MS,
  ForeignWatch,
  LISTEN_MS,
  listSharedNetworks,
  PROBE_SOON_MS,
  type SharedNetwork,
  UNPROBED_INTERVAL_MS,
} from '../../../src/dhcp/foreign/foreign-watch.ts';
import { CHOICE_MS, CHOOSERS_MAX, DOUBT_MS, SETTLED_MS } from '../../../src/dhcp/foreign/unproven-servers.ts';
import { indexSubnets } from '../../../src/dhcp/networks/subnet.ts';
import { type DhcpMessage, decodeDhcpMessage, encodeDhcpMessage } from '../../../src/dhcp/wire/message.ts';
import {
  addressBytes,
  MESSAGE_TYPE,
  OPTION,
  optionText,
  textBytes,
  u8Bytes,
  u32Bytes,
} from '../../../src/dhcp/wire/options.ts';
import {
  ANY,
  formatIpv4,
  type Ipv4,
  ipv4,
  type MacAddress,
  mac as macOf,
  parseNetwork,
} from '../../../src/ground/address.ts';
import { type Instant, instant, later } from '../../../src/ground/clock.ts';
import type { FrameTap, TappedDatagram } from '../../../src/net/datagrams/frame-tap.ts';
import { hw, ip, RACK } from '../../support/lab-facts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { clientMessage, config, MAC_A, MAC_B, readReply, relayedSubnet, subnet } from '../lab.ts';

const OTHER = ip('10.20.0.66');
const OTHER_MAC = hw('52:54:00:00:00:66');
const RACK_MAC = hw('52:54:00:00:00:01');
const PORTS = { serverPort: 67, clientPort: 68 };
const INTERVAL_MS = 600_000;
/** It has a lease here. */
const KNOWN_CLIENT = hw('52:54:00:00:00:aa');
const WIRE: SharedNetwork = { place: 'eth1', interfaceName: 'eth1', subnets: ['lab', 'second'], mac: RACK_MAC };
const FAR: SharedNetwork = { place: 'relayed far', interfaceName: undefined, subnets: ['far'], mac: undefined };

interface ForeignOffer {
  readonly server?: Ipv4;
  readonly mac?: MacAddress;
  readonly address?: Ipv4;
  readonly type?: number;
  readonly xid?: number;
  readonly chaddr?: Uint8Array;
}

/** An offer of another server in answer to a DISCOVER. */
function offerTo(discover: DhcpMessage, words: ForeignOffer = {}): TappedDatagram {
  const { server = OTHER, mac = OTHER_MAC, address = ip('10.20.0.180'), type = MESSAGE_TYPE.offer } = words;
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, u8Bytes(type)],
    [OPTION.serverIdentifier, addressBytes(server)],
    [OPTION.leaseTime, u32Bytes(7200)],
    [OPTION.bootFileName, textBytes('grub.efi\0')],
  ]);
  const { xid = discover.xid, chaddr = discover.chaddr } = words;
  const message: DhcpMessage = { ...discover, op: 2, xid, chaddr, yiaddr: address, options };
  return { bytes: encodeDhcpMessage(message, 1472).bytes, from: server, mac };
}

interface Rig {
  readonly watch: ForeignWatch;
  readonly clock: VirtualClock;
  /** DISCOVERs that were broadcast. */
  readonly sent: DhcpMessage[];
  /** How the wire answers a DISCOVER. */
  answer: (discover: DhcpMessage) => readonly TappedDatagram[];
  readonly taps: { opened: number; closed: number };
  canTap: boolean;
  changes: number;
  /** How often the watch reported that it cannot probe. */
  blind: number;
  /** Kinds and addresses of the events since the last call. */
  reported(): readonly string[];
  readonly events: DhcpEvent[];
}

function rigOf(): Rig {
  const clock = new VirtualClock();
  const events: DhcpEvent[] = [];
  const watch = new ForeignWatch({
    clock,
    publish: (event) => {
      if (event.kind === 'dhcp.probe-blind') rig.blind += 1;
      if (event.kind === 'dhcp.foreign-server' || event.kind === 'dhcp.foreign-server-gone') {
        events.push({ ...event, kind: event.kind });
      }
    },
    tap: () => (rig.canTap ? openTap() : undefined),
    ownAddresses: () => new Set([RACK]),
    isKnownClient: (client) => client === KNOWN_CLIENT,
    onChange: () => {
      rig.changes += 1;
    },
  });
  const openTap = (): FrameTap => {
    let waiting: readonly TappedDatagram[] = [];
    rig.taps.opened += 1;
    return {
      broadcast(payload) {
        const discover = readReply(payload);
        rig.sent.push(discover);
        waiting = [...waiting, ...rig.answer(discover)];
        return undefined;
      },
      take() {
        const taken = waiting;
        waiting = [];
        return taken;
      },
      close() {
        rig.taps.closed += 1;
      },
    };
  };
  const rig: Rig = {
    watch,
    clock,
    sent: [],
    answer: () => [],
    taps: { opened: 0, closed: 0 },
    canTap: true,
    changes: 0,
    blind: 0,
    events,
    reported: () => events.splice(0).map(({ kind, address }) => `${kind} ${formatIpv4(address ?? ANY)}`),
  };
  return rig;
}

test('a server that answers the first probe is reported once, with its offer, and makes this one a guest', () => {
  const rig = rigOf();
  rig.answer = (discover) => [offerTo(discover), offerTo(discover, { server: RACK })];
  rig.watch.configure([WIRE, FAR], INTERVAL_MS, PORTS);
  rig.clock.advance(LISTEN_MS);
  const [event] = rig.events;
  assert.deepEqual(
    { ...event, at: 0 },
    {
      kind: 'dhcp.foreign-server',
      at: 0,
      mac: OTHER_MAC,
      address: OTHER,
      subnet: 'lab',
      interfaceName: 'eth1',
      leaseSeconds: 7200,
      file: 'grub.efi',
      offered: '10.20.0.180',
      evidence: 'probe',
      isBootOnly: false,
    },
  );
  assert.equal(rig.watch.isSeenAt('eth1', MAC_B), true);
  assert.equal(rig.watch.isSeenAt('relayed far', MAC_B), false);
  rig.clock.advance(10 * INTERVAL_MS);
  assert.deepEqual(rig.reported(), ['dhcp.foreign-server 10.20.0.66']);
  assert.equal(rig.changes, 1);
  assert.equal(rig.watch.servers.length, 1);
});

test('probes go out at the start, again once a switch port surely forwards, and then at the interval', () => {
  const rig = rigOf();
  rig.answer = (discover) => [offerTo(discover)];
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  const times: number[] = [];
  const start = rig.clock.now();
  for (let step = 0; step < 2 * INTERVAL_MS; step += 1000) {
    rig.clock.advance(1000);
    if (rig.sent.splice(0).length > 0) times.push(rig.clock.now() - start);
  }
  assert.deepEqual(
    times,
    [1000, AGAIN_MS, AGAIN_MS + INTERVAL_MS].map((at) => Math.ceil(at / 1000) * 1000),
  );
  assert.equal(rig.taps.opened, rig.taps.closed);
});

test('a search of an interface that is not served ends with the first server that gives addresses', async () => {
  const rig = rigOf();
  const proxy = ip('10.20.0.67');
  rig.answer = (discover) => [
    offerTo(discover, { server: RACK }),
    offerTo(discover, { server: proxy, address: ANY }),
    offerTo(discover),
  ];
  const found = rig.watch.search('eth0', RACK_MAC);
  assert.equal(await rig.watch.search('eth0', RACK_MAC), undefined, 'one search at a time');
  rig.clock.advance(1000);
  assert.deepEqual(await found, [OTHER]);
  assert.deepEqual(rig.taps, { opened: 1, closed: 1 });
  assert.deepEqual(rig.watch.servers, []);
});

test('a search without an offer ends after LISTEN_MS, and one that cannot be made says so', async () => {
  const rig = rigOf();
  const found = rig.watch.search('eth0', RACK_MAC);
  rig.clock.advance(LISTEN_MS - 1);
  assert.equal(rig.sent.length, 2);
  assert.equal(rig.taps.closed, 0);
  rig.clock.advance(1);
  assert.deepEqual(await found, []);
  rig.canTap = false;
  assert.equal(await rig.watch.search('eth0', RACK_MAC), undefined);
});

test('an unanswered probe is sent twice, and its tap is closed after LISTEN_MS', () => {
  const rig = rigOf();
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(LISTEN_MS - 1);
  assert.equal(rig.sent.length, 2);
  assert.deepEqual(rig.taps, { opened: 1, closed: 0 });
  rig.clock.advance(2);
  assert.deepEqual(rig.taps, { opened: 1, closed: 1 });
  assert.deepEqual(rig.reported(), []);
});

test('a server that misses three probes is gone', () => {
  const rig = rigOf();
  rig.answer = (discover) => [offerTo(discover)];
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(LISTEN_MS);
  rig.answer = () => [];
  rig.clock.advance(3 * INTERVAL_MS - LISTEN_MS);
  assert.equal(rig.watch.isSeenAt('eth1', MAC_B), true);
  rig.clock.advance(LISTEN_MS);
  assert.deepEqual(rig.reported(), ['dhcp.foreign-server 10.20.0.66', 'dhcp.foreign-server-gone 10.20.0.66']);
  assert.equal(rig.watch.isSeenAt('eth1', MAC_B), false);
  assert.equal(rig.changes, 2);
});

test('a client that chooses another server reveals it, and a probe follows that reveals more', () => {
  const rig = rigOf();
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(AGAIN_MS + PROBE_SOON_MS);
  rig.sent.splice(0);
  const request = clientMessage({ type: 'request', requested: ip('10.20.0.180'), server: OTHER });
  rig.watch.hear(request, 'other-server-chosen', { subnet: 'second', interfaceName: 'eth1' });
  assert.deepEqual(
    rig.watch.servers.map(({ server, evidence, mac }) => [server, evidence, mac]),
    [[OTHER, 'client', undefined]],
  );
  rig.answer = (discover) => [offerTo(discover)];
  rig.clock.advance(1000);
  assert.deepEqual(
    rig.watch.servers.map(({ server, evidence, mac }) => [server, evidence, mac]),
    [[OTHER, 'probe', OTHER_MAC]],
  );
  rig.watch.hear(request, 'other-server-chosen', { subnet: 'lab', interfaceName: 'eth1' });
  assert.equal(rig.watch.servers[0]?.mac, OTHER_MAC);
  assert.deepEqual(rig.reported(), ['dhcp.foreign-server 10.20.0.66']);
});

test('only requests and replies that name a server of a served shared network are heard', () => {
  const rig = rigOf();
  rig.watch.configure([WIRE, FAR], undefined, PORTS);
  const at = { subnet: 'lab', interfaceName: 'eth1' };
  const named = clientMessage({ type: 'request', server: OTHER });
  rig.watch.hear(named, 'no-record', at);
  rig.watch.hear(named, 'other-server-chosen', { subnet: 'elsewhere', interfaceName: 'eth1' });
  rig.watch.hear(clientMessage({ type: 'release', server: OTHER }), 'other-server-chosen', at);
  rig.watch.hear(clientMessage({ type: 'request', server: RACK }), 'other-server-chosen', at);
  rig.watch.hear(clientMessage({ type: 'offer', op: 2 }), 'not-a-request', { interfaceName: 'eth1' });
  rig.watch.hear(clientMessage({ type: 'offer', op: 2, server: OTHER }), 'not-a-request', { interfaceName: 'eth7' });
  assert.deepEqual(rig.reported(), []);
  rig.watch.hear(clientMessage({ type: 'offer', op: 2, server: OTHER }), 'not-a-request', { interfaceName: 'eth1' });
  rig.watch.hear(named, 'other-server-chosen', { subnet: 'far', interfaceName: 'eth1' });
  assert.deepEqual(rig.reported(), ['dhcp.foreign-server 10.20.0.66', 'dhcp.foreign-server 10.20.0.66']);
  assert.equal(rig.watch.isSeenAt('relayed far', MAC_B), true);
  rig.clock.advance(3 * UNPROBED_INTERVAL_MS + 2);
  assert.deepEqual(rig.reported(), ['dhcp.foreign-server-gone 10.20.0.66', 'dhcp.foreign-server-gone 10.20.0.66']);
  assert.equal(rig.sent.length, 0);
  assert.equal(rig.clock.pending, 0);
});

test('only an offer for the probe counts', () => {
  const rig = rigOf();
  rig.answer = (discover) => [
    offerTo(discover, { xid: discover.xid ^ 1 }),
    offerTo(discover, { type: MESSAGE_TYPE.ack }),
    offerTo(discover, { chaddr: clientMessage({ mac: MAC_A }).chaddr }),
    { bytes: Uint8Array.of(1, 2, 3), from: OTHER, mac: OTHER_MAC },
  ];
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(LISTEN_MS);
  assert.deepEqual(rig.reported(), []);
});

test('a server with boot information only is reported, and takes no network from this one', () => {
  const rig = rigOf();
  rig.answer = (discover) => [offerTo(discover, { address: ANY })];
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(LISTEN_MS);
  assert.deepEqual(
    rig.watch.servers.map(({ isBootOnly, offered }) => [isBootOnly, offered]),
    [[true, undefined]],
  );
  assert.equal(rig.watch.isSeenAt('eth1', MAC_B), false);
});

test('a link that comes up, a swapped card and a newly enabled probe are probed at once', () => {
  const rig = rigOf();
  const probes = (): number => {
    rig.clock.advance(1);
    return rig.sent.splice(0).length;
  };
  rig.watch.configure([{ ...WIRE, mac: undefined }], INTERVAL_MS, PORTS);
  assert.equal(probes(), 0);
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  assert.equal(probes(), 1);
  rig.clock.advance(LISTEN_MS);
  rig.sent.splice(0);
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  assert.equal(probes(), 0);
  rig.watch.configure([{ ...WIRE, mac: MAC_A }], INTERVAL_MS, PORTS);
  assert.equal(probes(), 1);
  rig.watch.configure([{ ...WIRE, mac: MAC_A }], undefined, PORTS);
  rig.clock.advance(INTERVAL_MS);
  rig.sent.splice(0);
  rig.watch.configure([{ ...WIRE, mac: MAC_A }], INTERVAL_MS, PORTS);
  assert.equal(probes(), 1);
});

test('if no tap can be opened the watch says so, and keeps listening', () => {
  const rig = rigOf();
  rig.canTap = false;
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(1);
  assert.equal(rig.watch.isBlind, true);
  rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.blind, 1, 'reported once');
  rig.canTap = true;
  rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.watch.isBlind, false);
});

test('a shared network that is no longer served, and closing, end its probe and forget its servers without a report', () => {
  const rig = rigOf();
  rig.answer = (discover) => [offerTo(discover)];
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(1000);
  rig.reported();
  rig.watch.configure([], INTERVAL_MS, PORTS);
  assert.deepEqual(rig.taps, { opened: 1, closed: 1 });
  assert.deepEqual(rig.watch.servers, []);
  assert.deepEqual(rig.reported(), []);
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(1000);
  rig.watch.close();
  rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(rig.taps, { opened: 2, closed: 2 });
  assert.equal(rig.clock.pending, 0);
});

test('networks of one interface are one shared network, a relayed network is its own, and one in proxy mode is left out', () => {
  const second = subnet({ name: 'second', network: parseNetwork('10.21.0.0/24') ?? { address: ANY, prefix: 0 } });
  const proxied = subnet({ name: 'proxied', interfaceName: 'eth2', proxy: true });
  const index = indexSubnets(config(subnet(), second, relayedSubnet(), proxied), undefined);
  assert.deepEqual(listSharedNetworks(index, [{ name: 'eth1', addresses: [], mac: RACK_MAC }]), [
    { ...WIRE, subnets: ['lab', 'second'] },
    FAR,
  ]);
});

test('the probe is a DISCOVER of firmware, broadcast, with an identifier of its own', () => {
  const decoded = decodeDhcpMessage(composeProbe({ mac: RACK_MAC, xid: 7 }));
  assert.ok(decoded.ok);
  const { options, flags, xid, secs } = decoded.value;
  assert.deepEqual([flags, xid, secs], [0x8000, 7, 0]);
  assert.match(optionText(options, OPTION.clientIdentifier) ?? '', /^\0rackboot-probe-52:54:00:00:00:01$/);
  assert.match(optionText(options, OPTION.vendorClass) ?? '', /^PXEClient:Arch:00007/);
  const answer = offerTo(decoded.value, { server: ip('192.0.2.1') });
  for (let length = 0; length < answer.bytes.length; length += 1) {
    // Cut anywhere it may still be a shorter offer, but never throws.
    decodeForeignOffer({ ...answer, bytes: answer.bytes.subarray(0, length) }, { mac: RACK_MAC, xid: 7 });
  }
});

test('the list of servers is bounded: clients fill it, and a probe still finds room', () => {
  const servers = new ForeignServers();
  const at = instant(1000);
  const sighting = (index: number, evidence: Sighting['evidence']): Sighting => {
    return { place: 'eth1', interfaceName: 'eth1', subnet: 'lab', server: ipv4(0x0a140000 + index), evidence };
  };
  for (let index = 0; index < 2 * FOREIGN_SERVERS_MAX; index += 1)
    servers.see(sighting(index, 'client'), later(at, index));
  assert.equal(servers.all.length, FOREIGN_SERVERS_MAX);
  assert.ok(servers.see(sighting(9999, 'probe'), later(at, 5000)) !== undefined);
  assert.equal(servers.all.length, FOREIGN_SERVERS_MAX);
  assert.equal(
    servers.all.some(({ server }) => server === ipv4(0x0a140000)),
    false,
  );
  const seenBefore: Instant = later(at, 4000);
  assert.equal(servers.forget(seenBefore, later(at, 6000)).length, FOREIGN_SERVERS_MAX - 1);
  for (let index = 0; index < FOREIGN_SERVERS_MAX; index += 1) servers.see(sighting(index, 'probe'), later(at, 7000));
  assert.equal(servers.see(sighting(8888, 'probe'), later(at, 8000)), undefined);
});

test('however many servers are invented, the one that answers the probe is known', () => {
  const rig = rigOf();
  rig.watch.configure([WIRE, FAR], INTERVAL_MS, PORTS);
  rig.clock.advance(AGAIN_MS + PROBE_SOON_MS);
  const at = { subnet: 'lab', interfaceName: 'eth1' };
  for (let index = 0; index < 2 * FOREIGN_SERVERS_MAX; index += 1) {
    const server = ipv4(ip('10.99.0.0') + index);
    rig.watch.hear(clientMessage({ type: 'offer', op: 2, server }), 'not-a-request', at);
  }
  rig.answer = (discover) => [offerTo(discover)];
  rig.clock.advance(PROBE_SOON_MS);
  const seen = rig.watch.servers.find(({ server }) => server === OTHER);
  assert.deepEqual([seen?.evidence, seen?.mac], ['probe', OTHER_MAC]);
  assert.equal(rig.watch.servers.length, FOREIGN_SERVERS_MAX);
  rig.watch.hear(clientMessage({ type: 'request', server: OTHER }), 'other-server-chosen', {
    subnet: 'far',
    interfaceName: undefined,
  });
  assert.equal(rig.watch.servers.length, FOREIGN_SERVERS_MAX + 1, 'and a full shared network leaves room for another');
});

/** A rig that has been watching for a while, and a client that names another server. */
function settledRig() {
  const rig = rigOf();
  rig.watch.configure([WIRE, FAR], INTERVAL_MS, PORTS);
  rig.clock.advance(AGAIN_MS + PROBE_SOON_MS);
  rig.sent.splice(0);
  const name = (client: MacAddress, server = OTHER, subnetName = 'lab'): void => {
    const request = clientMessage({ type: 'request', server, mac: client });
    rig.watch.hear(request, 'other-server-chosen', { subnet: subnetName, interfaceName: 'eth1' });
  };
  return { ...rig, name };
}

test('clients’ words make this rack a guest to others only while it probes, however many say it', () => {
  const { watch, clock, sent, name } = settledRig();
  name(MAC_A);
  assert.equal(watch.isSeenAt('eth1', MAC_B), true, 'in doubt no client is denied');
  clock.advance(DOUBT_MS);
  assert.ok(sent.length > 0, 'it was probed for');
  assert.equal(watch.isSeenAt('eth1', MAC_B), false, 'and there was no answer');
  for (let client = 1; client <= 100; client += 1) name(macOf(0x525400000100 + client));
  assert.equal(watch.isSeenAt('eth1', MAC_B), false, 'others that say it prove no more');
  name(MAC_A, OTHER, 'far');
  clock.advance(DOUBT_MS);
  assert.equal(watch.isSeenAt('relayed far', MAC_B), false, 'the same if nothing can be probed');
});

test('a host that invents a server each minute, as a client or as a server, makes this rack a guest 90 s an hour', () => {
  for (const by of ['request', 'reply'] as const) {
    const { watch, clock, name } = settledRig();
    let guest = 0;
    const minutes = 24 * 60;
    for (let minute = 0; minute < minutes; minute += 1) {
      const server = ipv4(ip('10.99.0.0') + minute);
      if (by === 'request') name(macOf(0x525400000100 + minute), server);
      else watch.hear(clientMessage({ type: 'offer', op: 2, server }), 'not-a-request', { interfaceName: 'eth1' });
      for (let step = 0; step < 6; step += 1) {
        clock.advance(10_000);
        if (watch.isSeenAt('eth1', MAC_B)) guest += 10_000;
      }
    }
    assert.ok(guest > 0 && guest <= (minutes / 60) * DOUBT_MS, `${by}: ${guest / 1000} s`);
  }
});

test('a client of a server that answers no probe is not denied for a day, and no other client is spared', () => {
  const { watch, clock, name } = settledRig();
  name(MAC_A);
  clock.advance(DOUBT_MS);
  assert.deepEqual([watch.isSeenAt('eth1', MAC_A), watch.isSeenAt('eth1', MAC_B)], [true, false]);
  assert.equal(watch.isSeenAt('relayed far', MAC_A), false, 'it is somewhere else');
  clock.advance(CHOICE_MS - 2 * DOUBT_MS);
  assert.equal(watch.isSeenAt('eth1', MAC_A), true, 'though the server was not named meanwhile');
  name(MAC_A);
  clock.advance(CHOICE_MS - 1);
  assert.equal(watch.isSeenAt('eth1', MAC_A), true);
  clock.advance(1);
  assert.equal(watch.isSeenAt('eth1', MAC_A), false);
});

test('a client’s choice is forgotten with its shared network', () => {
  const { watch, clock, name } = settledRig();
  name(MAC_A);
  clock.advance(DOUBT_MS);
  watch.configure([], INTERVAL_MS, PORTS);
  watch.configure([WIRE], INTERVAL_MS, PORTS);
  assert.equal(watch.isSeenAt('eth1', MAC_A), false);
});

const invented = (client: number): MacAddress => macOf(0x020000000000 + client);

test('remembered clients of another server spare no others, up to the bound', () => {
  const { watch, clock, name } = settledRig();
  for (let client = 0; client < CHOOSERS_MAX; client += 1) name(invented(client));
  clock.advance(DOUBT_MS);
  assert.deepEqual([watch.isSeenAt('eth1', invented(0)), watch.isSeenAt('eth1', MAC_B)], [true, false]);
});

test('after some were forgotten no client that may be one of them is denied, until their choice would have ended', () => {
  const { watch, clock, name } = settledRig();
  for (let client = 0; client < CHOOSERS_MAX + 100; client += 1) name(invented(client));
  clock.advance(DOUBT_MS);
  const spared = (): readonly boolean[] =>
    [invented(0), MAC_B, KNOWN_CLIENT].map((client) => watch.isSeenAt('eth1', client));
  assert.deepEqual(spared(), [true, true, false], 'a client known here never chose another server');
  assert.equal(watch.isSeenAt('relayed far', MAC_B), false, 'another shared network forgot nobody');
  clock.advance(CHOICE_MS - DOUBT_MS - 1);
  assert.deepEqual(spared(), [true, true, false]);
  clock.advance(1);
  assert.deepEqual(spared(), [false, false, false]);
});

test('strangers do not push out a client of another server that is known here, or was heard choosing it before', () => {
  const { watch, clock, name } = settledRig();
  name(MAC_A);
  for (let stranger = 0; stranger < CHOOSERS_MAX - 1; stranger += 1) name(invented(stranger));
  clock.advance(SETTLED_MS);
  for (const client of [MAC_A, KNOWN_CLIENT]) name(client);
  for (let stranger = CHOOSERS_MAX; stranger < 2 * CHOOSERS_MAX; stranger += 1) name(invented(stranger));
  const isSpared = (client: MacAddress): boolean => watch.isSeenAt('eth1', client);
  assert.equal(isSpared(MAC_B), true, 'some were forgotten');
  // Those that were forgotten chose a minute earlier.
  clock.advance(CHOICE_MS - SETTLED_MS);
  assert.deepEqual([MAC_A, KNOWN_CLIENT, MAC_B].map(isSpared), [true, true, false]);
});

test('a server that no longer answers probes is shown while clients name it, but counts only for those clients', () => {
  const rig = rigOf();
  rig.answer = (discover) => [offerTo(discover)];
  rig.watch.configure([WIRE], INTERVAL_MS, PORTS);
  rig.clock.advance(LISTEN_MS);
  rig.answer = () => [];
  assert.equal(rig.watch.isSeenAt('eth1', MAC_B), true);
  const request = clientMessage({ type: 'request', server: OTHER, mac: MAC_A });
  for (let minute = 0; minute < 31; minute += 1) {
    rig.clock.advance(60_000);
    rig.watch.hear(request, 'other-server-chosen', { subnet: 'lab', interfaceName: 'eth1' });
  }
  assert.equal(rig.watch.servers.length, 1, 'it is shown');
  assert.deepEqual([rig.watch.isSeenAt('eth1', MAC_B), rig.watch.isSeenAt('eth1', MAC_A)], [false, true]);
});
