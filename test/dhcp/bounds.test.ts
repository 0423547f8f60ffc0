// The resources that strangers can take, and the events about it: floods of new clients, clients that decline everything, ranges that fill up.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DECLINE_SECONDS } from '../../src/dhcp/leases/set-aside.ts';
import { DECLINED_ALWAYS, DECLINES_AT_ONCE } from '../../src/dhcp/limits/declines.ts';
import { NEW_CLIENTS_PER_SECOND, PLACES_MAX, PLACES_OF_A_SOCKET } from '../../src/dhcp/limits/new-clients.ts';
import { OPTION } from '../../src/dhcp/wire/options.ts';
import { ANY, type Ipv4, mac, parseNetwork } from '../../src/ground/address.ts';
import { seconds } from '../../src/ground/clock.ts';
import { EVENT_RATE } from '../../src/ground/rate-limit.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { config, MAC_A, MAC_B, machine, relayedSubnet, subnet } from './lab.ts';
import { BY_RELAY, rig } from './responder-rig.ts';

const WIDE = subnet({
  network: parseNetwork('10.20.0.0/16') ?? { address: ANY, prefix: 0 },
  dynamic: { low: ip('10.20.4.0'), high: ip('10.20.7.255') },
  static: undefined,
});

test('a hall of 200 machines powered on at once is served', () => {
  const { say } = rig(config(WIDE));
  for (let client = 1; client <= 200; client += 1) {
    assert.match(say({ type: 'discover', mac: mac(client) }), /^offer /);
  }
});

test('a hall of 200 machines fits into a range of 256 at once, before any request', () => {
  const small = { ...WIDE, dynamic: { low: ip('10.20.4.0'), high: ip('10.20.4.255') } };
  const { say } = rig(config(small));
  const offered = Array.from({ length: 200 }, (_, index) => say({ type: 'discover', mac: mac(index + 1) }));
  const first = offered.filter((answer) => answer.startsWith('offer')).length;
  assert.ok(first >= 192, `${first} were offered an address at once`);
});

test('a flood of invented clients gets a limited number of offers, and known clients are served anyway', () => {
  const { say, lease, clock, reported } = rig(config(WIDE), new MachineDirectory([machine(MAC_B, '10.20.0.30')]));
  assert.match(lease(MAC_A), /^ack/);
  reported();
  let offered = 0;
  for (let second = 0; second < 10; second += 1) {
    for (let client = 0; client < 1000; client += 1) {
      if (say({ type: 'discover', mac: mac(0x020000000000 + second * 1000 + client) }) !== 'silence') offered += 1;
    }
    assert.match(lease(MAC_A), /^ack/, 'a client with a lease');
    assert.equal(lease(MAC_B), 'ack 10.20.0.30', 'a machine of the region');
    clock.advance(1000);
  }
  assert.ok(offered <= NEW_CLIENTS_PER_SECOND * 20, `${offered} of 10 000 were offered an address`);
  const limited = reported('dhcp.new-clients-limited');
  assert.equal(limited.length, 1, 'reported once');
  assert.deepEqual(limited[0], {
    kind: 'dhcp.new-clients-limited',
    at: limited[0]?.at,
    subnet: 'lab',
    interfaceName: 'eth1',
    place: 'eth1',
  });
});

test('a flood of requests without offers is held back, too', () => {
  const { say } = rig(config({ ...WIDE, authoritative: 'yes' }));
  let given = 0;
  for (let client = 0; client < 1000; client += 1) {
    const words = { mac: mac(0x020000000000 + client), requested: ip(`10.20.${4 + (client >> 8)}.${client % 256}`) };
    if (say({ type: 'request', ...words, server: RACK }).startsWith('ack')) given += 1;
  }
  assert.ok(given <= NEW_CLIENTS_PER_SECOND * 10 + 1, `${given} of 1000 got a lease`);
});

test('the rate comes from the configuration, and 0 means no limit', () => {
  const wide = config(WIDE);
  const { say, responder } = rig(wide);
  responder.bounds.newClients.setRate(1);
  const offered = (from: number) =>
    Array.from({ length: 40 }, (_, index) => say({ type: 'discover', mac: mac(from + index) })).filter(
      (answer) => answer !== 'silence',
    ).length;
  assert.equal(offered(1), 10);
  responder.bounds.newClients.setRate(0);
  assert.equal(offered(1000), 40);
});

test('the flood on one circuit of a relay does not hold back another circuit', () => {
  const far = { ...relayedSubnet(), network: parseNetwork('10.30.0.0/16') ?? { address: ANY, prefix: 0 } };
  const { say } = rig(config(subnet(), { ...far, dynamic: { low: ip('10.30.4.0'), high: ip('10.30.15.255') } }));
  const from = (client: number, circuit: string) =>
    say(
      {
        type: 'discover',
        mac: mac(client),
        giaddr: ip('10.30.0.1'),
        options: [[OPTION.relayAgentInformation, Uint8Array.from([1, circuit.length, ...Buffer.from(circuit)])]],
      },
      BY_RELAY,
    );
  let silent = 0;
  for (let client = 1; client <= 1000; client += 1) if (from(client, 'ge-0') === 'silence') silent += 1;
  assert.equal(silent, 1000 - NEW_CLIENTS_PER_SECOND * 10);
  assert.match(from(2000, 'ge-1'), /^offer/);
});

test('invented circuits do not exceed the limit of their socket, and that is reported once', () => {
  const far = { ...relayedSubnet(), network: parseNetwork('10.30.0.0/16') ?? { address: ANY, prefix: 0 } };
  const wide = { ...far, dynamic: { low: ip('10.30.4.0'), high: ip('10.30.255.250') } };
  const { say, reported, clock } = rig(config(subnet(), wide));
  const circuits = PLACES_MAX * 3;
  const flood = (from: number): number => {
    let offered = 0;
    for (let client = from; client < from + circuits; client += 1) {
      const circuit = [client >> 16, (client >> 8) & 255, client & 255];
      const options = [[OPTION.relayAgentInformation, Uint8Array.of(1, circuit.length, ...circuit)]] as const;
      const words = { mac: mac(0x020000000000 + client), giaddr: ip('10.30.0.1'), options };
      if (say({ type: 'discover', ...words }, BY_RELAY) !== 'silence') offered += 1;
    }
    return offered;
  };
  const atOnce = NEW_CLIENTS_PER_SECOND * 10 * PLACES_OF_A_SOCKET;
  assert.equal(flood(0), atOnce);
  const places = reported('dhcp.new-clients-limited').map((event) => ('place' in event ? event.place : ''));
  assert.deepEqual(places, ['10.20.0.1']);
  clock.advance(1000);
  assert.equal(flood(circuits), NEW_CLIENTS_PER_SECOND * PLACES_OF_A_SOCKET);
  assert.deepEqual(reported('dhcp.new-clients-limited'), []);
});

/** The circuit a switch adds to a client's message without being its relay agent. */
const circuitId = (...bytes: readonly number[]) =>
  [[OPTION.relayAgentInformation, Uint8Array.of(1, bytes.length, ...bytes)]] as const;

test('invented circuits without a relay agent do not exceed the limit of the interface, and that is reported once', () => {
  const { say, reported, clock } = rig(config(WIDE));
  const flood = (from: number): number => {
    let offered = 0;
    for (let client = from; client < from + 2000; client += 1) {
      const options = circuitId(client >> 16, (client >> 8) & 255, client & 255);
      if (say({ type: 'discover', mac: mac(0x020000000000 + client), options }) !== 'silence') offered += 1;
    }
    return offered;
  };
  assert.equal(flood(0), NEW_CLIENTS_PER_SECOND * 10);
  assert.equal(say({ type: 'discover', mac: mac(0x060000000000) }), 'silence', 'nor is there more without a circuit');
  const places = reported('dhcp.new-clients-limited').map((event) => ('place' in event ? event.place : ''));
  assert.deepEqual(places, ['eth1']);
  clock.advance(1000);
  assert.equal(flood(2000), NEW_CLIENTS_PER_SECOND);
});

test('a flood on one port of a switch that names it leaves half of the interface’s rate to the others', () => {
  const { say, reported } = rig(config(WIDE));
  const flood = (first: number, port: number): number => {
    let offered = 0;
    for (let client = 0; client < 1000; client += 1) {
      const words = { mac: mac(first + client), options: circuitId(port) };
      if (say({ type: 'discover', ...words }) !== 'silence') offered += 1;
    }
    return offered;
  };
  assert.equal(flood(0x020000000000, 7), NEW_CLIENTS_PER_SECOND * 5);
  const [event] = reported('dhcp.new-clients-limited');
  assert.equal(event !== undefined && 'place' in event && event.place, 'eth1, circuit 07');
  assert.match(say({ type: 'discover', mac: MAC_A, options: circuitId(8) }), /^offer/);
  assert.match(say({ type: 'discover', mac: MAC_B }), /^offer/);
  assert.equal(flood(0x060000000000, 9), NEW_CLIENTS_PER_SECOND * 5 - 2);
});

test('a declined address comes back after its time, with an event', () => {
  const { say, lease, clock, reported, responder } = rig(config());
  const address = lease(MAC_A).split(' ')[1] ?? '';
  assert.equal(say({ type: 'decline', mac: MAC_A, requested: ip(address), server: RACK }), 'silence');
  assert.equal(reported('dhcp.decline').length, 1);
  assert.notEqual(lease(MAC_A), `ack ${address}`);
  assert.match(say({ type: 'request', mac: MAC_B, requested: ip(address), server: RACK }), /^nak/);
  clock.advance(DECLINE_SECONDS * 1000);
  responder.expire();
  assert.equal(reported('dhcp.declined-back').length, 1);
  assert.equal(say({ type: 'discover', mac: MAC_B, requested: ip(address) }), `offer ${address}`);
});

test('a client that declines every offer cannot empty a range', () => {
  const { say, lease, reported, responder, clock } = rig(config(WIDE));
  const seen = new Set<string>();
  for (let count = 0; count < 50; count += 1) {
    const address = lease(MAC_A).split(' ')[1] ?? '';
    seen.add(address);
    assert.equal(say({ type: 'decline', mac: MAC_A, requested: ip(address), server: RACK }), 'silence');
  }
  assert.equal(responder.bounds.ranges()[0]?.declined, DECLINES_AT_ONCE);
  const samples = reported('dhcp.declines-limited');
  assert.ok(samples.length <= EVENT_RATE.burst, `${samples.length} were reported`);
  clock.advance(1000);
  const last = ip(lease(MAC_A).split(' ')[1] ?? '');
  say({ type: 'decline', mac: MAC_A, requested: last, server: RACK });
  const stoodFor = [...samples, ...reported('dhcp.declines-limited')].reduce((sum, { count = 1 }) => sum + count, 0);
  assert.equal(stoodFor, 51 - DECLINES_AT_ONCE, 'each is counted');
  assert.equal(seen.size, 50, 'it was offered another address each time');
});

test('many clients that each decline a little cannot empty a range either', () => {
  const { say, lease, responder } = rig(config());
  responder.bounds.newClients.setRate(0);
  for (let client = 1; client <= 40; client += 1) {
    const address = lease(mac(client)).split(' ')[1] ?? '';
    say({ type: 'decline', mac: mac(client), requested: ip(address), server: RACK });
  }
  assert.equal(responder.bounds.ranges()[0]?.declined, DECLINED_ALWAYS);
  assert.equal(responder.bounds.ranges()[0]?.free, 10 - DECLINED_ALWAYS);
});

test('a range that fills up is reported at nine tenths, when it is full, and when there is room again; once each', () => {
  const { lease, say, reported, clock, responder } = rig(config(subnet({ leaseTime: seconds(600) })));
  const kinds = ['dhcp.range-filling', 'dhcp.range-full', 'dhcp.range-eased'];
  const inShort = () => reported(...kinds).map((event) => `${event.kind} ${'used' in event ? event.used : ''}`);
  for (let client = 1; client <= 8; client += 1) assert.match(lease(mac(client)), /^ack/);
  assert.deepEqual(inShort(), []);
  assert.match(lease(mac(9)), /^ack/);
  assert.deepEqual(inShort(), ['dhcp.range-filling 9']);
  assert.match(lease(mac(10)), /^ack/);
  assert.deepEqual(inShort(), ['dhcp.range-full 10']);
  assert.deepEqual(
    responder.bounds.ranges().map(({ level, free, usable }) => [level, free, usable]),
    [['full', 0, 10]],
  );
  for (let client = 11; client <= 30; client += 1) assert.equal(lease(mac(client)), 'silence');
  assert.deepEqual(inShort(), [], 'not once a packet');
  assert.equal(responder.counters().refusals['range-exhausted'], 20);
  clock.advance(300_000);
  for (let client = 1; client <= 8; client += 1) say({ type: 'request', mac: mac(client), ciaddr: addressOf(client) });
  clock.advance(300_000);
  responder.expire();
  assert.deepEqual(inShort(), ['dhcp.range-eased 8']);
  clock.advance(300_000);
  responder.expire();
  assert.deepEqual(inShort(), ['dhcp.range-eased 0']);

  function addressOf(client: number): Ipv4 {
    const known = responder.state().leases.findAllByClient(mac(client))[0];
    assert.ok(known !== undefined);
    return known.address;
  }
});
