import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterInterface } from '../../../src/config/rack-config.ts';
import { Neighbourhood, REPORT_RATE, SCANNED_MAX } from '../../../src/daemon/rack/neighbourhood.ts';
import { type Ipv4, ipv4, type MacAddress, mac, networkWithPrefix } from '../../../src/ground/address.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import type { Solicitation, WakeRequest } from '../../../src/net/watch/net-message.ts';
import type { Wire, WireListener } from '../../../src/net/watch/wire.ts';
import { composeEventText } from '../../../src/observe/event-text.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const ADDRESS = ipv4(0x0a140032);
const FIRST = mac(0x525400000001);
const SECOND = mac(0x525400000002);

const lab = (changes: Partial<ClusterInterface> = {}): ClusterInterface => ({
  name: 'lab',
  interfaceName: 'eth1',
  management: 2,
  ip: ipv4(0x0a140001),
  network: networkWithPrefix(ipv4(0x0a140000), 24),
  answersRouterSolicitations: true,
  ...changes,
});

function start(findUser: Wire['findUser'] = async () => undefined) {
  const clock = new VirtualClock();
  const events: RackEvent[] = [];
  const heard: Ipv4[] = [];
  const sent: Solicitation[] = [];
  const served: (readonly string[])[] = [];
  const woken: WakeRequest[] = [];
  const boots: (readonly [MacAddress, string])[] = [];
  let listener: WireListener | undefined;
  const wire: Wire = {
    serve: (names) => served.push(names),
    listen: (next) => {
      listener = next;
    },
    canProbe: (name) => name === 'eth1',
    findUser,
    wake: (request) => woken.push(request),
    advertise: (solicitation) => sent.push(solicitation),
    noteBooting: (booting, owner) => boots.push([booting, owner.rank]),
  };
  const onHeard = (address: Ipv4): void => void heard.push(address);
  const around = new Neighbourhood({ clock, wire, onHeard, publish: (event) => events.push(event) });
  around.configure([lab(), lab({ name: 'far', interfaceName: undefined }), lab({ name: 'second', management: 0 })]);
  const see = (host: MacAddress, isHeard = true): void =>
    listener?.onSightings([{ interfaceName: 'eth1', address: ADDRESS, mac: host, isHeard }]);
  const said = (): readonly string[] => events.splice(0).map((event) => `${event.kind}: ${composeEventText(event)}`);
  return { clock, around, woken, heard, sent, served, boots, see, said, wire: () => listener ?? assert.fail() };
}

test('it listens once on each interface of the configuration', () => {
  assert.deepEqual(start().served, [['eth1']]);
});

test('new and moved hosts are reported, and DHCP learns of every address heard', () => {
  const rig = start();
  rig.see(FIRST);
  rig.see(FIRST);
  rig.see(SECOND);
  rig.see(SECOND, false);
  assert.deepEqual(rig.said(), [
    'net.neighbour-new: First seen on eth1 with 10.20.0.50',
    'net.neighbour-moved: Took over 10.20.0.50 on eth1 from 52:54:00:00:00:01',
  ]);
  assert.deepEqual(rig.heard, [ADDRESS, ADDRESS, ADDRESS]);
  assert.equal(rig.around.find(ADDRESS)?.mac, SECOND);
  assert.equal(rig.around.list().length, 1);
});

test('two hosts that take turns at an address are reported at a limited rate, with a count', () => {
  const rig = start();
  for (let turn = 0; turn < 1000; turn += 1) rig.see(turn % 2 === 0 ? FIRST : SECOND);
  assert.ok(rig.said().length <= 60);
  rig.clock.advance(5000);
  rig.see(FIRST);
  assert.match(rig.said()[0] ?? '', /\(1 of \d{3} similar events\)$/);
});

test('a booting machine’s solicitation is answered, and reported once the answer was sent', () => {
  const rig = start();
  const solicitation = { interfaceName: 'eth1', mac: FIRST, source: new Uint8Array(16) };
  rig.wire().onSolicitation(solicitation);
  assert.deepEqual(rig.sent, []);
  rig.around.noteBooting(FIRST, { rank: 'stranger', share: 'eth1' });
  assert.deepEqual(rig.sent, [solicitation]);
  rig.wire().onSolicitation(solicitation);
  assert.equal(rig.sent.length, 2);
  assert.deepEqual(rig.said(), []);
  rig.wire().onAdvertised(solicitation, '');
  rig.wire().onAdvertised(solicitation, 'ENETDOWN');
  assert.deepEqual(rig.said(), [
    'net.router-answered: Looked for an IPv6 router on eth1: told that there is none',
    'net.router-answer-failed: Looked for an IPv6 router on eth1: could not be answered (ENETDOWN)',
  ]);
  rig.wire().onRouter('eth1', SECOND);
  rig.wire().onRouter('eth1', SECOND);
  rig.wire().onSolicitation(solicitation);
  assert.equal(rig.sent.length, 2);
  assert.deepEqual(rig.said(), [
    'net.router-seen: IPv6 router 52:54:00:00:00:02 seen on eth1: router solicitations are left to it',
  ]);
});

test('of invented hosts a sample is reported, and the next report counts the omitted ones', () => {
  const rig = start();
  for (let index = 0; index < 3 * REPORT_RATE.burst; index += 1)
    rig
      .wire()
      .onSightings([
        { interfaceName: 'eth1', address: ipv4(0x0a140100 + index), mac: mac(0x0200_0000_0000 + index), isHeard: true },
      ]);
  assert.equal(rig.said().length, REPORT_RATE.burst);
  rig.clock.advance(1000 / REPORT_RATE.perSecond);
  rig.see(FIRST);
  assert.equal(rig.said().length, 1);
  assert.equal(rig.around.list().length, 3 * REPORT_RATE.burst + 1);
});

const OWN = ipv4(0x0a140001);

/** A rack whose scan asks a wire on which hosts answer after 400 ms. @param users the hosts by address */
function startScan(users: ReadonlyMap<number, MacAddress>) {
  const asked: { readonly address: Ipv4; readonly answer: (mac: MacAddress | undefined) => void }[] = [];
  let most = 0;
  const open = new Set<Ipv4>();
  const rig = start((address) => {
    // The rack also looks for other users of its own address, without a scan.
    if (address === OWN) return Promise.resolve(undefined);
    open.add(address);
    most = Math.max(most, open.size);
    const { promise, resolve } = Promise.withResolvers<MacAddress | undefined>();
    asked.push({ address, answer: resolve });
    rig.clock.schedule(400, () => {
      open.delete(address);
      resolve(users.get(address));
    });
    return promise;
  });
  return { ...rig, asked, most: () => most };
}
const SCAN = { networks: ['10.20.0.0/24'], atOnce: 16, isSlow: false };

test('a scan asks for each address of a served network once, a few at a time, and reports each host once', async () => {
  const users = new Map([
    [0x0a140032, FIRST],
    [0x0a140033, FIRST],
    [0x0a140040, SECOND],
  ]);
  const rig = startScan(users);
  assert.equal(rig.around.scan(SCAN), 'started');
  assert.equal(rig.around.scan(SCAN), 'running');
  await rig.clock.pass(20_000);
  assert.equal(rig.asked.length, 253, 'all hosts of a /24 but the rack');
  assert.equal(new Set(rig.asked.map(({ address }) => address)).size, 253);
  assert.ok(rig.most() <= 16 && rig.most() > 8, `${rig.most()} at a time`);
  assert.deepEqual(rig.said(), [
    'net.host-found: Answered a scan of eth1 with 10.20.0.50',
    'net.host-found: Answered a scan of eth1 with 10.20.0.64',
  ]);
  assert.equal(rig.around.scan(SCAN), 'started', 'the first one has ended');
});

test('a slow scan asks for four addresses a second, and part of a network can be scanned', async () => {
  const rig = startScan(new Map());
  rig.around.scan({ ...SCAN, networks: ['10.20.0.64/26'], isSlow: true });
  await rig.clock.pass(5000);
  assert.ok(rig.asked.length <= 21 && rig.asked.length >= 15, String(rig.asked.length));
  assert.ok(rig.asked.every(({ address }) => address > 0x0a140040 && address < 0x0a14007f));
});

test('a scan asks for no address outside of the networks that are served now, and of none that is too large', async () => {
  const rig = startScan(new Map());
  for (const network of ['10.21.0.0/24', '10.20.0.0/16', '10.0.0.0/8', 'nonsense'])
    assert.equal(rig.around.scan({ ...SCAN, networks: [network] }), 'unheard', network);
  rig.around.configure([lab({ network: networkWithPrefix(ipv4(0x0a140000), 16), interfaceName: 'eth1' })]);
  assert.equal(rig.around.scan({ ...SCAN, networks: ['10.20.0.0/21'] }), 'unheard');
  assert.equal(rig.around.scan({ ...SCAN, networks: ['10.20.4.0/22'] }), 'started');
  rig.clock.advance(100);
  const before = rig.asked.length;
  rig.around.configure([lab({ management: 0 })]);
  await rig.clock.pass(5000);
  assert.equal(rig.asked.length, before, 'it ends with its configuration');
  assert.equal(rig.around.scan(SCAN), 'unheard', 'an unmanaged network is not scanned');
  rig.around.configure([lab({ interfaceName: 'eth9' })]);
  assert.equal(rig.around.scan(SCAN), 'unheard', 'nor one whose interface cannot be asked');
});

test('of the largest network that is scanned, all hosts are found', async () => {
  const users = new Map(Array.from({ length: 2048 }, (_, host) => [0x0a140000 + host, mac(0x0200_0000_0000 + host)]));
  const rig = startScan(users);
  rig.around.configure([lab({ network: networkWithPrefix(ipv4(0x0a140000), 20), interfaceName: 'eth1' })]);
  assert.equal(rig.around.scan({ ...SCAN, networks: ['10.20.0.0/21'] }), 'unheard');
  assert.equal(rig.around.scan({ ...SCAN, networks: ['10.20.4.0/22'] }), 'started');
  await rig.clock.pass(40_000);
  assert.equal(rig.said().length, SCANNED_MAX);
});

test('a scan outlives questions that the wire cannot take, and ends with the rack', async () => {
  const { RackError } = await import('../../../src/ground/errors.ts');
  const refused = start(async () => {
    throw new RackError('native-unavailable', 'no place');
  });
  assert.equal(refused.around.scan({ ...SCAN, networks: ['10.20.0.0/28'] }), 'started');
  await refused.clock.pass(2000);
  assert.deepEqual([refused.said(), refused.around.scan(SCAN)], [[], 'started']);
  const rig = startScan(new Map([[0x0a140002, FIRST]]));
  rig.around.scan(SCAN);
  rig.around.endScan();
  await rig.clock.pass(2000);
  assert.deepEqual([rig.asked.length, rig.said()], [1, []]);
});

test('a magic packet goes to the network of the host, or to all if none is its own', () => {
  const rig = start();
  const far = networkWithPrefix(ipv4(0x0a150000), 24);
  rig.around.configure([lab(), lab({ name: 'off', interfaceName: 'eth9', network: far, ip: ipv4(0x0a150001) })]);
  const wake = { kind: 'wake', mac: FIRST, password: '0a000001' } as const;
  for (const near of [ADDRESS, undefined, ipv4(0x0a150007), ipv4(0x0a160001)])
    assert.deepEqual(rig.around.wake({ ...wake, near }), ['eth1'], 'the other interface cannot send');
  const password = Buffer.from('0a000001', 'hex');
  assert.deepEqual(rig.woken[0], { interfaceName: 'eth1', mac: FIRST, password, source: ipv4(0x0a140001) });
  rig.around.configure([lab({ interfaceName: 'eth9' })]);
  assert.deepEqual(rig.around.wake({ ...wake, near: ADDRESS }), []);
  assert.equal(rig.woken.length, 4);
});

test('a host is heard if it answers for one of its addresses itself', async () => {
  const users = new Map<number, MacAddress>([
    [ADDRESS, FIRST],
    [ADDRESS + 1, SECOND],
  ]);
  const { around } = start(async (address) => users.get(address));
  const hears = (...addresses: readonly number[]) =>
    around.isHeard({ kind: 'hear', mac: FIRST, addresses: addresses.map(ipv4) });
  assert.equal(await hears(ADDRESS + 2, ADDRESS), true);
  assert.equal(await hears(ADDRESS + 1), false, 'another host has it');
  assert.equal(await hears(ADDRESS + 2), false);
  assert.equal(await hears(0x0b000001), undefined, 'no network of this rack');
  const { RackError } = await import('../../../src/ground/errors.ts');
  const deaf = start(async () => {
    throw new RackError('native-unavailable', 'no place');
  });
  assert.equal(await deaf.around.isHeard({ kind: 'hear', mac: FIRST, addresses: [ADDRESS] }), undefined);
});
