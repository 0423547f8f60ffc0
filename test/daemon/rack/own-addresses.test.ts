// Another host with an address of this rack is reported, and noted while it is there; invented hosts are bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterInterface } from '../../../src/config/rack-config.ts';
import { Neighbourhood } from '../../../src/daemon/rack/neighbourhood.ts';
import { CHECK_MS, GONE_MS, REREPORT_MS, USERS_MAX, USERS_RATE } from '../../../src/daemon/rack/own-addresses.ts';
import { type Ipv4, ipv4, type MacAddress, mac, networkWithPrefix } from '../../../src/ground/address.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import type { Wire, WireListener } from '../../../src/net/watch/wire.ts';
import { composeEventText } from '../../../src/observe/event-text.ts';
import { EVENT_KINDS } from '../../../src/region/reports/reported.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const OWN = ipv4(0x0a140001);
const OTHER = mac(0x525400000066);
const KIND = 'net.own-address-used';

function start(answer: () => MacAddress | undefined = () => undefined) {
  const clock = new VirtualClock();
  const events: RackEvent[] = [];
  const asked: string[] = [];
  let listener: WireListener | undefined;
  const wire: Wire = {
    serve: () => undefined,
    listen: (next) => {
      listener = next;
    },
    canProbe: (name) => name === 'eth1',
    wake: () => undefined,
    findUser: async (address, name) => {
      asked.push(`${name} ${address}`);
      return answer();
    },
    advertise: () => undefined,
    noteBooting: () => undefined,
  };
  const around = new Neighbourhood({ clock, wire, onHeard: () => undefined, publish: (event) => events.push(event) });
  const lab: ClusterInterface = {
    name: 'lab',
    interfaceName: 'eth1',
    management: 2,
    ip: OWN,
    network: networkWithPrefix(ipv4(0x0a140000), 24),
  };
  around.configure([lab]);
  return {
    clock,
    around,
    asked,
    hear: (host: MacAddress, address: Ipv4 = OWN) =>
      listener?.onSightings([{ interfaceName: 'eth1', address, mac: host, isHeard: true }]),
    reported: () => events.splice(0).filter(({ kind }) => kind === KIND),
    /** Lets time pass until pending probes are answered. */
    pass: async (ms: number) => {
      clock.advance(ms);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('a host heard with the rack’s own address is reported as an error with its hardware address, once an hour', () => {
  const rig = start();
  for (let minute = 0; minute <= 60; minute += 1) {
    rig.hear(OTHER);
    rig.clock.advance(60_000);
  }
  const reported = rig.reported();
  assert.deepEqual(
    reported.map(({ mac: host, address }) => [host, address]),
    [
      [OTHER, OWN],
      [OTHER, OWN],
    ],
  );
  assert.equal((reported[1]?.at ?? 0) - (reported[0]?.at ?? 0), REREPORT_MS);
  assert.equal(EVENT_KINDS.get(KIND)?.level, 'error');
  const [first] = reported;
  assert.ok(first !== undefined);
  assert.match(composeEventText(first), /^Uses 10\.20\.0\.1, this rack’s own address on eth1: /);
});

test('a note names it while it is there, and ends some minutes after the last sighting', () => {
  const rig = start();
  assert.deepEqual(rig.around.notes, []);
  rig.hear(OTHER);
  rig.clock.advance(GONE_MS - 1);
  const used = { note: 'own-address-used', ip: '10.20.0.1', interface: 'eth1', host: '52:54:00:00:00:66' };
  assert.deepEqual(rig.around.notes, [{ ...used, seconds: 300 }]);
  rig.clock.advance(1);
  assert.deepEqual(rig.around.notes, []);
});

test('a host that only answers ARP is found by the rack’s repeated probe', async () => {
  let answer: MacAddress | undefined;
  const rig = start(() => answer);
  await rig.pass(0);
  assert.deepEqual(rig.asked, [`eth1 ${OWN}`]);
  assert.deepEqual(rig.reported(), []);
  answer = OTHER;
  await rig.pass(CHECK_MS);
  assert.equal(rig.reported().length, 1);
  assert.equal(rig.around.notes.length, 1);
  assert.equal(rig.asked.length, 2);
});

test('a host with another address is not reported', () => {
  const rig = start();
  rig.hear(OTHER, ipv4(0x0a140032));
  assert.deepEqual(rig.reported(), []);
});

test('a few invented hosts are reported, as many are remembered as there is room, and the next report counts the others', () => {
  const rig = start();
  for (let index = 0; index < 1000; index += 1) rig.hear(mac(0x0200_0000_0000 + index));
  assert.equal(rig.reported().length, USERS_RATE.burst);
  assert.equal(rig.around.notes.length, USERS_MAX);
  rig.clock.advance(60_000);
  rig.hear(OTHER);
  assert.equal(rig.reported()[0]?.count, 1000 - USERS_RATE.burst + 1);
});
