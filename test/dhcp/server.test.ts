// The server in virtual time, with a disk and a wire that the test controls: races, failures, interfaces that come and go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import type { FindConflict } from '../../src/dhcp/conflicts/conflict-check.ts';
import { DHCP_EVENTS, type DhcpEvent } from '../../src/dhcp/events/events.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import type { DhcpConfig } from '../../src/dhcp/networks/config.ts';
import { planSockets } from '../../src/dhcp/networks/socket-plan.ts';
import { EXPIRED_PER_TURN_MAX } from '../../src/dhcp/responder.ts';
import type { LeaseNotice } from '../../src/dhcp/responder-deps.ts';
import { DhcpServer, SOCKET_RETRY_MS } from '../../src/dhcp/server.ts';
import type { DhcpMessage } from '../../src/dhcp/wire/message.ts';
import { OPTION, optionAddress, optionU8 } from '../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, type Ipv4, type MacAddress, mac, parseNetwork } from '../../src/ground/address.ts';
import { instant, seconds } from '../../src/ground/clock.ts';
import { RackError } from '../../src/ground/errors.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import type { RackMachine } from '../../src/machines/machine.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import {
  type ClientWords,
  clientBytes,
  config,
  leaseAt,
  MAC_A,
  MAC_B,
  planByKind,
  readReply,
  relayedSubnet,
  settle,
  sourceOf,
  subnet,
  TestJournal,
  TestNetwork,
} from './lab.ts';

interface Rig {
  readonly server: DhcpServer;
  readonly network: TestNetwork;
  readonly journal: TestJournal;
  readonly table: LeaseTable;
  readonly clock: VirtualClock;
  readonly events: DhcpEvent[];
  readonly notices: LeaseNotice[];
  machines: readonly RackMachine[];
  /** Sends a client's words to a socket, lets the disk write, and returns what was answered. */
  ask(words: ClientWords, socketName?: string): readonly string[];
  /** Kinds of the events since the last call, with their reason. */
  reported(): readonly string[];
}

const TYPES = ['', 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'];

const inShort = (message: DhcpMessage): string =>
  `${TYPES[optionU8(message.options, OPTION.messageType) ?? 0]} ${formatIpv4(message.yiaddr)}`;

async function start(dhcpConfig: DhcpConfig = config(), findConflict?: FindConflict): Promise<Rig> {
  const network = new TestNetwork();
  const journal = new TestJournal();
  const table = new LeaseTable();
  const clock = new VirtualClock();
  const events: DhcpEvent[] = [];
  const notices: LeaseNotice[] = [];
  const isDhcp = (kind: string): kind is DhcpEvent['kind'] => kind in DHCP_EVENTS;
  const server = new DhcpServer({
    network,
    clock,
    journal,
    table,
    publish: (event) => {
      if (isDhcp(event.kind)) events.push({ ...event, kind: event.kind });
    },
    planBoot: planByKind,
    identifyClient: identifyBootClient,
    machines: () => new MachineDirectory(rig.machines),
    onLeaseChange: (notice) => notices.push(notice),
    findConflict,
  });
  const rig: Rig = {
    server,
    network,
    journal,
    table,
    clock,
    events,
    notices,
    machines: [],
    ask(words, socketName = 'eth1') {
      network.from = words.from ?? words.ciaddr ?? ANY;
      network.deliver(socketName, clientBytes(words));
      journal.commit();
      return network.take().map(({ message }) => inShort(message));
    },
    reported: () => events.splice(0).map(({ kind, reason }) => (reason === undefined ? kind : `${kind} ${reason}`)),
  };
  await server.configure(dhcpConfig);
  rig.reported();
  return rig;
}

const discover = (client: MacAddress, requested?: string): ClientWords => ({
  type: 'discover',
  mac: client,
  requested: requested === undefined ? undefined : ip(requested),
});
const select = (client: MacAddress, address: string): ClientWords => ({
  type: 'request',
  mac: client,
  requested: ip(address),
  server: RACK,
});

test('an ACK leaves after its record is durable, and not before', async () => {
  const rig = await start();
  rig.network.deliver('eth1', clientBytes(discover(MAC_A, '10.20.0.105')));
  assert.deepEqual(
    rig.network.take().map(({ message }) => inShort(message)),
    ['offer 10.20.0.105'],
  );
  assert.equal(rig.journal.pending.length, 0, 'an offer is not recorded');
  rig.network.deliver('eth1', clientBytes(select(MAC_A, '10.20.0.105')));
  assert.deepEqual(rig.network.take(), []);
  assert.deepEqual(rig.notices, []);
  rig.journal.commit();
  assert.deepEqual(
    rig.network.take().map(({ message }) => inShort(message)),
    ['ack 10.20.0.105'],
  );
  assert.deepEqual(rig.reported(), ['dhcp.offer', 'dhcp.ack']);
  assert.equal(rig.notices.length, 1);
  assert.equal(rig.server.leases().length, 1);
});

test('many requests of one turn share one write, and each gets its own answer', async () => {
  const rig = await start();
  const clients = [1, 2, 3].map((index) => mac(0x525400000000 + index));
  rig.network.deliver('eth1', ...clients.map((client, index) => clientBytes(select(client, `10.20.0.10${index}`))));
  assert.equal(rig.journal.pending.length, 3);
  rig.journal.commit(2);
  assert.deepEqual(
    rig.network.take().map(({ message }) => inShort(message)),
    ['ack 10.20.0.100', 'ack 10.20.0.101'],
  );
  rig.journal.commit();
  assert.deepEqual(
    rig.network.take().map(({ message }) => inShort(message)),
    ['ack 10.20.0.102'],
  );
});

test('when the disk is slow there is no OFFER, appended records get their ACK, and it is reported once', async () => {
  const rig = await start();
  rig.network.deliver('eth1', clientBytes(select(MAC_A, '10.20.0.105')));
  rig.journal.slow();
  rig.network.deliver('eth1', clientBytes(discover(MAC_B)), clientBytes(select(MAC_B, '10.20.0.106')));
  assert.deepEqual(rig.network.take(), []);
  rig.journal.commit();
  assert.deepEqual(
    rig.network.take().map(({ message }) => inShort(message)),
    ['ack 10.20.0.105'],
  );
  assert.deepEqual(rig.reported().slice(0, 2), ['dhcp.store-unavailable disk-slow', 'dhcp.refused store-unavailable']);
  rig.journal.recover();
  assert.deepEqual(rig.reported(), ['dhcp.store-restored']);
});

const LONG_AGO = instant(0);

test('a lease from before the start of the host is not stored again: its own boot knows more of it', async () => {
  const rig = await start();
  rig.ask(select(MAC_A, '10.20.0.105'));
  const { length } = rig.journal.pending;
  rig.clock.advance(1000);
  assert.equal(rig.server.restamp(rig.clock.now()), true);
  assert.equal(rig.journal.pending.length, length);
});

test('a running lease is stored again when the clock was set, without an event', async () => {
  const rig = await start();
  assert.equal(rig.server.restamp(LONG_AGO), true);
  assert.equal(rig.journal.pending.length, 0, 'without a lease there is nothing to store');
  rig.ask(select(MAC_A, '10.20.0.105'));
  rig.reported();
  const notices = rig.notices.length;
  rig.journal.slow();
  const records = rig.table.records.bind(rig.table);
  rig.table.records = () => assert.fail('no lease is searched for while the disk refuses');
  assert.equal(rig.server.restamp(LONG_AGO), false);
  rig.table.records = records;
  rig.journal.recover();
  assert.equal(rig.server.restamp(LONG_AGO), true);
  assert.deepEqual(
    rig.journal.pending.map(({ lease }) => lease.address),
    [ip('10.20.0.105')],
  );
  rig.journal.commit();
  assert.equal(rig.notices.length, notices);
  assert.deepEqual(rig.network.take(), []);
});

test('when the disk refuses there is no ACK, no OFFER, and the address is free again', async () => {
  const rig = await start();
  rig.network.deliver('eth1', clientBytes(select(MAC_A, '10.20.0.105')));
  rig.journal.fail();
  assert.deepEqual(rig.network.take(), []);
  assert.equal(rig.table.find(ip('10.20.0.105')), undefined);
  assert.deepEqual(rig.notices, []);
  assert.deepEqual(rig.reported(), ['dhcp.store-unavailable write-failed', 'dhcp.refused store-unavailable']);
  assert.deepEqual(rig.ask(discover(MAC_B)), []);
  assert.deepEqual(rig.ask(select(MAC_B, '10.20.0.105')), []);
  assert.deepEqual(
    rig.ask({ type: 'inform', ciaddr: ip('10.20.0.200') }),
    ['ack 0.0.0.0'],
    'an INFORM, which needs no disk, is still answered',
  );
  rig.reported();
  rig.journal.recover();
  assert.deepEqual(rig.reported(), ['dhcp.store-restored']);
  assert.deepEqual(rig.ask(select(MAC_B, '10.20.0.105')), ['ack 10.20.0.105']);
  assert.equal(rig.server.counters().refusals['store-unavailable'], 3);
});

test('leases of another server are imported all together or not at all', async () => {
  const rig = await start();
  const leases = [leaseAt(MAC_A, '10.20.0.105', 60), leaseAt(MAC_B, '10.20.0.106', 60)];
  rig.journal.pendingMax = 1;
  assert.equal(rig.server.adopt(leases), undefined);
  assert.deepEqual([rig.journal.pending.length, rig.server.leases().length], [0, 0]);
  rig.journal.pendingMax = 2;
  assert.equal(rig.server.adopt(leases), 2);
  assert.deepEqual([rig.journal.pending.length, rig.server.leases().length], [2, 2]);
});

test('an unwritten release leaves the address with its client', async () => {
  const rig = await start();
  rig.ask(select(MAC_A, '10.20.0.105'));
  rig.network.from = ip('10.20.0.105');
  rig.network.deliver('eth1', clientBytes({ type: 'release', mac: MAC_A, ciaddr: ip('10.20.0.105'), server: RACK }));
  rig.network.deliver('eth1', clientBytes(select(MAC_B, '10.20.0.105')));
  rig.journal.fail();
  rig.journal.recover();
  assert.equal(rig.table.find(ip('10.20.0.105'))?.mac, MAC_A);
  assert.deepEqual(rig.ask(select(MAC_B, '10.20.0.105')), ['nak 0.0.0.0']);
  assert.equal(rig.server.counters().refusals['address-leased'], 1, 'a NAK is counted by its reason');
  assert.deepEqual(rig.ask({ type: 'request', mac: MAC_A, ciaddr: ip('10.20.0.105') }, '10.20.0.1'), [
    'ack 10.20.0.105',
  ]);
});

test('two clients that ask for one address in one turn are offered two, and one ACK is given for each', async () => {
  const rig = await start();
  rig.network.deliver('eth1', clientBytes(discover(MAC_A, '10.20.0.105')), clientBytes(discover(MAC_B, '10.20.0.105')));
  const offered = rig.network.take().map(({ message }) => formatIpv4(message.yiaddr));
  assert.equal(offered[0], '10.20.0.105');
  assert.notEqual(offered[1], '10.20.0.105');
  rig.network.deliver('eth1', clientBytes(select(MAC_B, '10.20.0.105')), clientBytes(select(MAC_A, '10.20.0.105')));
  rig.journal.commit();
  assert.deepEqual(
    rig.network.take().map(({ message }) => inShort(message)),
    ['nak 0.0.0.0', 'ack 10.20.0.105'],
  );
});

test('an offer is repeated to its client, and forgotten after its time', async () => {
  const rig = await start();
  const [first] = rig.ask(discover(MAC_A));
  assert.deepEqual(rig.ask(discover(MAC_A)), [first]);
  const address = first?.split(' ')[1] ?? '';
  assert.notDeepEqual(rig.ask(discover(MAC_B, address)), [first]);
  rig.clock.advance(31_000);
  assert.deepEqual(rig.ask(discover(hw('52:54:00:00:00:0d'), address)), [first]);
});

test('a whole life: boot firmware, system, renewal, release, end', async () => {
  const rig = await start();
  const pxe = { vendorClass: 'PXEClient:Arch:00007:UNDI:003000' };
  rig.ask({ ...discover(MAC_A, '10.20.0.105'), ...pxe });
  rig.ask({ ...select(MAC_A, '10.20.0.105'), ...pxe });
  assert.equal(rig.events.at(-1)?.file, 'uefi.bin');
  assert.equal(rig.events.at(-1)?.leaseSeconds, 30);
  rig.clock.advance(40_000);
  assert.deepEqual(rig.reported(), ['dhcp.offer', 'dhcp.ack', 'dhcp.expired']);
  assert.deepEqual(rig.ask(discover(MAC_A)), ['offer 10.20.0.105'], 'the system gets the address of its firmware');
  rig.ask(select(MAC_A, '10.20.0.105'));
  rig.clock.advance(300_000);
  rig.ask({ type: 'request', mac: MAC_A, ciaddr: ip('10.20.0.105') }, '10.20.0.1');
  assert.equal(rig.events.at(-1)?.renewal, true);
  rig.ask({ type: 'release', mac: MAC_A, ciaddr: ip('10.20.0.105'), server: RACK }, '10.20.0.1');
  rig.clock.advance(900_000);
  assert.deepEqual(rig.reported(), ['dhcp.offer', 'dhcp.ack', 'dhcp.ack', 'dhcp.release']);
  const kinds = rig.notices.map((notice) => (notice.kind === 'changed' ? notice.lease.state : 'expired'));
  assert.deepEqual(kinds, ['bound', 'expired', 'bound', 'bound', 'released']);
});

test('leases end on time, however many at once', async () => {
  const wide = config(subnet({ dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.253') }, leaseTime: seconds(60) }));
  const rig = await start(wide);
  for (let index = 0; index < 150; index += 1) rig.ask(select(mac(0x525400000000 + index), `10.20.0.${100 + index}`));
  rig.reported();
  rig.clock.advance(59_999);
  assert.equal(rig.reported().length, 0);
  rig.clock.advance(1);
  assert.equal(rig.reported().filter((kind) => kind === 'dhcp.expired').length, 150);
  assert.ok(EXPIRED_PER_TURN_MAX >= 150);
  assert.equal(rig.clock.pending, 0, 'no timer without a lease');
});

test('replies leave by the socket that their destination needs', async () => {
  const rig = await start(config(subnet(), relayedSubnet()));
  const sent = (words: ClientWords, socketName: string): readonly string[] => {
    rig.network.from = sourceOf(words, socketName !== 'eth1');
    rig.network.deliver(socketName, clientBytes(words));
    rig.journal.commit();
    return rig.network.take().map(({ to, socketName: by }) => `${to.kind} ${by}`);
  };
  assert.deepEqual(sent(discover(MAC_A), 'eth1'), ['hardware eth1']);
  assert.deepEqual(sent({ ...discover(MAC_A), broadcast: true }, '10.20.0.1'), ['broadcast eth1']);
  assert.deepEqual(sent({ ...discover(MAC_A), giaddr: ip('10.30.0.1') }, '10.20.0.1'), ['unicast 10.20.0.1']);
  assert.deepEqual(sent({ type: 'request', ciaddr: ip('10.20.0.101') }, '10.20.0.1'), ['unicast 10.20.0.1']);
});

test('datagrams during shutdown are counted, and get no answer', async () => {
  const rig = await start();
  await rig.server.drain(0);
  rig.network.deliver('eth1', clientBytes(discover(MAC_A)), new Uint8Array(10));
  assert.equal(rig.network.take().length, 0);
  const { ignored, messages } = rig.server.counters();
  assert.deepEqual([ignored, messages.discover, messages.malformed], [2, 0, 0]);
});

test('bad datagrams are counted, reported as a sample, and stop nothing', async () => {
  const rig = await start();
  rig.network.deliver('eth1', ...Array.from({ length: 60 }, () => new Uint8Array(10)), clientBytes(discover(MAC_A)));
  assert.equal(rig.network.take().length, 1);
  assert.equal(rig.server.counters().messages.malformed, 60);
  assert.equal(rig.server.counters().faults['too-short'], 60);
  const reported = rig.reported();
  assert.ok(reported.length < 30);
  assert.match(reported[0] ?? '', /^dhcp\.malformed truncated$/);
});

test('a flood of strangers hides no refusal of a machine that holds a lease', async () => {
  const rig = await start();
  assert.deepEqual(rig.ask(select(MAC_A, '10.20.0.105')), ['ack 10.20.0.105']);
  rig.network.deliver('eth1', clientBytes(select(MAC_B, '10.20.0.106')));
  rig.journal.fail();
  for (let number = 0; number < 500; number += 1) rig.ask(discover(mac(0x525400100000 + number)));
  rig.ask(discover(MAC_A));
  const refused = rig.events.filter(({ kind }) => kind === 'dhcp.refused');
  assert.equal(refused.at(-1)?.mac, MAC_A);
  assert.ok(refused.length < 30);
});

test('interfaces come and go: sockets follow, others stay, and nothing is answered without the configured address', async () => {
  const second = { ...relayedSubnet(), name: 'second', interfaceName: 'eth2', serverAddress: ip('10.30.0.2') };
  const rig = await start(config(subnet(), second));
  rig.network.log.length = 0;
  await rig.server.setInterfaces([{ name: 'eth1', addresses: [{ address: RACK }] }]);
  assert.deepEqual(rig.network.log, ['close eth2']);
  await rig.server.setInterfaces([
    { name: 'eth1', addresses: [{ address: RACK }] },
    { name: 'eth2', addresses: [] },
  ]);
  assert.deepEqual(rig.network.log, ['close eth2', 'open eth2']);
  rig.reported();
  assert.deepEqual(rig.ask(discover(MAC_A), 'eth2'), []);
  assert.deepEqual(rig.reported(), ['dhcp.refused interface-without-address']);
  await rig.server.setInterfaces([
    { name: 'eth1', addresses: [{ address: RACK }] },
    { name: 'eth2', addresses: [{ address: ip('10.30.0.2') }] },
  ]);
  assert.match(rig.ask(discover(MAC_A), 'eth2')[0] ?? '', /^offer 10\.30\.0\./);
  assert.deepEqual(rig.network.log, ['close eth2', 'open eth2']);
});

test('a reconfiguration keeps leases, offers, waiting replies and the sockets it does not touch', async () => {
  const rig = await start();
  rig.ask(discover(MAC_B, '10.20.0.107'));
  rig.network.deliver('eth1', clientBytes(select(MAC_A, '10.20.0.105')));
  rig.network.log.length = 0;
  await rig.server.configure(config(subnet({ leaseTime: seconds(60) }), relayedSubnet()));
  assert.deepEqual(rig.network.log, []);
  rig.journal.commit();
  assert.deepEqual(
    rig.network.take().map(({ message }) => inShort(message)),
    ['ack 10.20.0.105'],
  );
  assert.notDeepEqual(rig.ask(discover(hw('52:54:00:00:00:0e'), '10.20.0.107')), ['offer 10.20.0.107']);
  assert.deepEqual(rig.ask(select(MAC_B, '10.20.0.107')), ['ack 10.20.0.107']);
  assert.equal(rig.events.at(-1)?.leaseSeconds, 60);
  await rig.server.configure({ ...config(), serverPort: 6767 });
  assert.deepEqual(rig.network.log, ['close eth1', 'close 10.20.0.1', 'open eth1', 'open 10.20.0.1']);
});

test('a socket that cannot be opened is reported once, retried, and does not stop the others', async () => {
  const rig = await start(config());
  await rig.server.configure(config());
  rig.network.failures.set('eth2', new RackError('address-in-use', 'port 67 on eth2 is in use by dnsmasq (4711)'));
  const second = { ...relayedSubnet(), interfaceName: 'eth2', serverAddress: ip('10.30.0.2') };
  const problems = await rig.server.configure(config(subnet(), second));
  assert.deepEqual(
    problems.map(({ name, error }) => `${name} ${error.code}`),
    ['eth2 address-in-use'],
  );
  assert.deepEqual(rig.reported(), [
    'dhcp.socket-failed port 67 on eth2 is in use by dnsmasq (4711)',
    'dhcp.socket-open',
  ]);
  rig.clock.advance(SOCKET_RETRY_MS);
  await settle();
  assert.deepEqual(rig.reported(), []);
  rig.network.failures.clear();
  rig.clock.advance(SOCKET_RETRY_MS);
  await settle();
  assert.deepEqual(rig.reported(), ['dhcp.socket-open']);
  assert.deepEqual(rig.server.problems(), []);
  assert.match(rig.ask(discover(MAC_A), 'eth2')[0] ?? '', /^offer 10\.30\.0\./);
});

test('a socket is reported by its binding: an interface or an address', async () => {
  const rig = await start(config());
  await rig.server.configure({ ...config(), serverPort: 6767 });
  const opened = rig.events.filter(({ kind }) => kind === 'dhcp.socket-open');
  assert.deepEqual(
    opened.slice(-2).map(({ interfaceName, address }) => ({ interfaceName, address })),
    [
      { interfaceName: 'eth1', address: undefined },
      { interfaceName: undefined, address: RACK },
    ],
  );
});

test('closing closes the sockets and leaves no timer', async () => {
  const rig = await start();
  rig.ask(select(MAC_A, '10.20.0.105'));
  await rig.server.close();
  assert.deepEqual(rig.network.log.slice(-2).sort(), ['close 10.20.0.1', 'close eth1']);
  assert.equal(rig.clock.pending, 0);
});

test('a waiting reply whose socket is gone is dropped', async () => {
  const rig = await start();
  rig.network.deliver('eth1', clientBytes(select(MAC_A, '10.20.0.105')));
  await rig.server.configure({ subnets: [], serverPort: 67, clientPort: 68 });
  rig.journal.commit();
  assert.deepEqual(rig.network.take(), []);
  assert.equal(rig.server.leases().length, 1);
});

test('an address that answers a probe is set aside and the client gets another', async () => {
  const squatter = hw('02:00:00:00:00:99');
  const probed: string[] = [];
  const used = new Set<Ipv4>([ip('10.20.0.105')]);
  const rig = await start(config(), async (address) => {
    probed.push(formatIpv4(address));
    return used.has(address) ? squatter : undefined;
  });
  rig.network.deliver('eth1', clientBytes(discover(MAC_A, '10.20.0.105')));
  assert.deepEqual(rig.network.take(), [], 'the offer waits for the probe');
  rig.network.deliver('eth1', clientBytes(discover(MAC_A, '10.20.0.105')));
  await settle();
  rig.journal.commit();
  const [offer, ...more] = rig.network.take();
  assert.ok(offer !== undefined && more.length === 0);
  assert.notEqual(offer.message.yiaddr, ip('10.20.0.105'));
  assert.equal(rig.table.find(ip('10.20.0.105'))?.state, 'declined');
  assert.deepEqual(rig.reported(), ['dhcp.refused probe-running', 'dhcp.offer', 'dhcp.conflict']);
  assert.equal(probed.length, 2);
  assert.deepEqual(rig.ask(discover(MAC_A)), [inShort(offer.message)], 'an answer counts for a while');
  assert.equal(probed.length, 2);
});

test('a conflict that cannot be stored refuses no client, and is found again', async () => {
  const used = ip('10.20.0.105');
  const rig = await start(config(), async (address) => (address === used ? hw('02:00:00:00:00:99') : undefined));
  const ask = async (): Promise<void> => {
    rig.network.deliver('eth1', clientBytes(discover(MAC_A, '10.20.0.105')));
    await settle();
  };
  await ask();
  assert.equal(rig.network.take().length, 1, 'the client has another address');
  assert.equal(rig.journal.pending.length, 1, 'the conflict waits for the disk');
  rig.journal.fail();
  assert.equal(rig.table.find(used), undefined);
  // If the disk refuses everything, it is not even tried.
  await ask();
  assert.deepEqual([rig.journal.pending.length, rig.server.counters().refusals['store-unavailable']], [0, 1]);
  rig.journal.recover();
  rig.reported();
  rig.clock.advance(60_000);
  await ask();
  rig.journal.commit();
  assert.equal(rig.table.find(used)?.state, 'declined');
  assert.ok(rig.reported().includes('dhcp.conflict'));
  assert.equal(rig.server.counters().refusals['store-unavailable'], 1, 'the datagram that came while the disk refused');
});

test('a probe answered by the client itself, or a failed probe, is not a conflict', async () => {
  const rig = await start(config(), async () => MAC_A);
  rig.network.deliver('eth1', clientBytes(discover(MAC_A, '10.20.0.105')));
  await settle();
  assert.deepEqual(
    rig.network.take().map(({ message }) => inShort(message)),
    ['offer 10.20.0.105'],
  );
  const failing = await start(config(), () => Promise.reject(new Error('no ARP here')));
  failing.network.deliver('eth1', clientBytes(discover(MAC_A, '10.20.0.105')));
  await settle();
  assert.deepEqual(
    failing.network.take().map(({ message }) => inShort(message)),
    ['offer 10.20.0.105'],
  );
});

test('a message is refused if every probed address is in use', async () => {
  const rig = await start(config(), async () => hw('02:00:00:00:00:99'));
  rig.network.deliver('eth1', clientBytes(discover(MAC_A)));
  await settle();
  rig.journal.commit();
  assert.deepEqual(rig.network.take(), []);
  assert.ok(rig.reported().includes('dhcp.refused address-in-use'));
  assert.equal(rig.server.leases().filter(({ state }) => state === 'declined').length, 3);
});

test('a client that accepts another server’s offer reveals that server, and this one is a guest from then on', async () => {
  const rig = await start();
  const wrong: ClientWords = { type: 'request', requested: ip('10.99.0.5') };
  assert.deepEqual(rig.ask(wrong), ['nak 0.0.0.0']);
  rig.ask({ type: 'request', mac: MAC_B, requested: ip('10.20.0.180'), server: ip('10.20.0.66') });
  assert.deepEqual(
    rig.server.foreignServers().map(({ server, evidence, subnet: name }) => [formatIpv4(server), evidence, name]),
    [['10.20.0.66', 'client', 'lab']],
  );
  assert.ok(rig.reported().includes('dhcp.foreign-server'));
  assert.deepEqual(rig.ask(wrong), []);
  await rig.server.close();
  assert.equal(rig.clock.pending, 0);
});

test('on a shared network a reply comes from the rack’s address in the client’s', async () => {
  const network = parseNetwork('10.21.0.0/24') ?? { address: ANY, prefix: 0 };
  const second = subnet({
    name: 'second',
    network,
    serverAddress: ip('10.21.0.1'),
    router: undefined,
    static: undefined,
    dynamic: { low: ip('10.21.0.100'), high: ip('10.21.0.109') },
    reservations: [{ mac: MAC_B, address: ip('10.21.0.50') }],
  });
  const rig = await start(config(subnet(), second));
  const sources: (readonly [string, string])[] = [];
  for (const words of [{ mac: MAC_A }, { mac: MAC_B }]) {
    rig.network.deliver('eth1', clientBytes({ type: 'discover', ...words }));
    for (const { bytes, source } of rig.network.sent.splice(0)) {
      const offer = readReply(bytes);
      const identifier = optionAddress(offer.options, OPTION.serverIdentifier) ?? ANY;
      assert.equal(source, identifier);
      sources.push([formatIpv4(offer.yiaddr).replace(/\d+$/, ''), formatIpv4(identifier)]);
    }
  }
  assert.deepEqual(sources, [
    ['10.20.0.', '10.20.0.1'],
    ['10.21.0.', '10.21.0.1'],
  ]);
  assert.deepEqual(
    rig.network.log.filter((line) => line.startsWith('open')),
    ['open eth1', 'open 10.20.0.1', 'open 10.21.0.1'],
  );
});

test('device sockets are planned first, once for each interface, and only where the interface exists', () => {
  const second = { ...relayedSubnet(), interfaceName: 'eth1', serverAddress: ip('10.30.0.2') };
  const names = (links: readonly string[] | undefined): readonly string[] =>
    planSockets(
      config(subnet(), second, relayedSubnet()),
      links?.map((name) => ({ name, addresses: [] })),
    ).map(({ name }) => name);
  assert.deepEqual(names(undefined), ['eth1', '10.20.0.1', '10.30.0.2']);
  assert.deepEqual(names([]), ['10.20.0.1', '10.30.0.2']);
});
