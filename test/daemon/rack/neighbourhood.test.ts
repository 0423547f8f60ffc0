import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterInterface } from '../../../src/config/rack-config.ts';
import { Neighbourhood, REPORT_RATE } from '../../../src/daemon/rack/neighbourhood.ts';
import type { RackEvent } from '../../../src/event.ts';
import { type Ipv4, ipv4, type MacAddress, mac, networkOf } from '../../../src/net/address.ts';
import type { Solicitation } from '../../../src/net/watch/net-message.ts';
import type { Wire, WireListener } from '../../../src/net/watch/wire.ts';
import { eventText } from '../../../src/observe/event-text.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const ADDRESS = ipv4(0x0a140032);
const FIRST = mac(0x525400000001);
const SECOND = mac(0x525400000002);

const lab = (changes: Partial<ClusterInterface> = {}): ClusterInterface => ({
  name: 'lab',
  interfaceName: 'eth1',
  management: 2,
  ip: ipv4(0x0a140001),
  network: networkOf(ipv4(0x0a140000), 24),
  answersRouterSolicitations: true,
  ...changes,
});

function start() {
  const clock = new VirtualClock();
  const events: RackEvent[] = [];
  const heard: Ipv4[] = [];
  const sent: Solicitation[] = [];
  const served: (readonly string[])[] = [];
  const boots: (readonly [MacAddress, string])[] = [];
  let listener: WireListener | undefined;
  const wire: Wire = {
    serve: (names) => served.push(names),
    listen: (next) => {
      listener = next;
    },
    canProbe: () => false,
    findUser: async () => undefined,
    advertise: (solicitation) => sent.push(solicitation),
    booting: (booting, owner) => boots.push([booting, owner.rank]),
  };
  const onHeard = (address: Ipv4): void => void heard.push(address);
  const around = new Neighbourhood({ clock, wire, onHeard, publish: (event) => events.push(event) });
  around.configure([lab(), lab({ name: 'far', interfaceName: undefined }), lab({ name: 'second', management: 0 })]);
  const see = (host: MacAddress, isHeard = true): void =>
    listener?.onSightings([{ interfaceName: 'eth1', address: ADDRESS, mac: host, heard: isHeard }]);
  const said = (): readonly string[] =>
    events.splice(0).map((event) => `${event.kind}: ${eventText(event, undefined)}`);
  return { clock, around, heard, sent, served, boots, see, said, wire: () => listener ?? assert.fail() };
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
  assert.equal(rig.around.all().length, 1);
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
  rig.around.booting(FIRST, { rank: 'stranger', share: 'eth1' });
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
        { interfaceName: 'eth1', address: ipv4(0x0a140100 + index), mac: mac(0x0200_0000_0000 + index), heard: true },
      ]);
  assert.equal(rig.said().length, REPORT_RATE.burst);
  rig.clock.advance(1000 / REPORT_RATE.perSecond);
  rig.see(FIRST);
  assert.equal(rig.said().length, 1);
  assert.equal(rig.around.all().length, 3 * REPORT_RATE.burst + 1);
});
