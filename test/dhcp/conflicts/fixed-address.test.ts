// A fixed address is probed before its first offer, like any other: a host unknown to this rack may use it.
// RFC 2131 §2.2, §3.1 step 2, §4.3.1.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RECHECK_MS } from '../../../src/dhcp/conflicts/conflict-check.ts';
import { DECLINE_SECONDS } from '../../../src/dhcp/leases/set-aside.ts';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { formatIpv4, type Ipv4, type MacAddress } from '../../../src/ground/address.ts';
import { WireRack } from '../../conformance/wire-rack.ts';
import { hw, ip, RACK } from '../../support/lab-facts.ts';
import { config, MAC_A, MAC_B, machine, settle, subnet } from '../lab.ts';

const SQUATTER = hw('02:00:00:00:00:99');
const FIXED = ip('10.20.0.20');
/** The first of the range. */
const FIRST = ip('10.20.0.100');
const reserved = (changes: Partial<DhcpSubnet> = {}): DhcpSubnet =>
  subnet({ reservations: [{ mac: MAC_A, address: FIXED }], ...changes });

/** A rack on a shared network where a host answers for the fixed address, or with undefined none. */
async function start(network: DhcpSubnet, answers?: MacAddress) {
  const asked: string[] = [];
  const wire = { answers, used: FIXED };
  const rack = await WireRack.start({
    config: config(network),
    findConflict: async (address) => {
      asked.push(formatIpv4(address));
      return address === wire.used ? wire.answers : undefined;
    },
  });
  const heard = (replies: readonly { readonly yiaddr: Ipv4 }[]): string =>
    replies.map(({ yiaddr }) => formatIpv4(yiaddr)).join(' ');
  return {
    rack,
    wire,
    /** The addresses probed since the last call. */
    asked: () => asked.splice(0),
    /** The offer a client gets at once, and the one after the probe. */
    async discover(client = MAC_A): Promise<readonly [now: string, later: string]> {
      const now = heard(rack.say({ type: 'discover', mac: client }));
      await settle();
      rack.journal.commit();
      return [now, heard(rack.take())];
    },
    take: (address: string) =>
      rack.ask({ type: 'request', mac: MAC_A, requested: ip(address), server: RACK })?.type ?? 'silence',
    reported: (kind: string) => rack.events.splice(0).filter((event) => event.kind === kind),
  };
}

test('a fixed address is probed before its first offer, offered at once while its lease runs, and probed after that', async () => {
  const { rack, discover, take, asked } = await start(reserved());
  assert.deepEqual(await discover(), ['', '10.20.0.20']);
  assert.deepEqual(asked(), ['10.20.0.20']);
  assert.equal(take('10.20.0.20'), 'ACK');
  assert.deepEqual(await discover(), ['10.20.0.20', '']);
  assert.deepEqual(asked(), []);
  rack.clock.advance(86_400_000);
  assert.deepEqual(
    await discover(),
    ['', '10.20.0.20'],
    'its client had it the last time, but another host may have come',
  );
  assert.deepEqual(asked(), ['10.20.0.20']);
});

test('the former address of a client whose lease ended is probed, and another one offered if a host uses it', async () => {
  const { rack, wire, discover, take, asked, reported } = await start(subnet());
  const requested = { type: 'request', mac: MAC_A, requested: FIRST, server: RACK } as const;
  rack.say(requested);
  await settle();
  rack.journal.commit();
  assert.equal(rack.take()[0]?.type, 'ACK');
  assert.deepEqual(await discover(), [formatIpv4(FIRST), ''], 'its lease runs');
  rack.clock.advance(86_400_000);
  asked();
  assert.deepEqual(await discover(), ['', formatIpv4(FIRST)]);
  assert.ok(asked().includes(formatIpv4(FIRST)));
  assert.equal(take(formatIpv4(FIRST)), 'ACK');
  rack.say({ type: 'release', mac: MAC_A, ciaddr: FIRST, server: RACK });
  rack.clock.advance(86_400_000);
  wire.answers = SQUATTER;
  wire.used = FIRST;
  reported('');
  const [now, later] = await discover();
  assert.deepEqual([now, later === formatIpv4(FIRST)], ['', false]);
  assert.equal(reported('dhcp.conflict').length, 1);
});

test('the address of a machine of the region is probed, too', async () => {
  const { rack, discover, asked, reported } = await start(subnet(), SQUATTER);
  rack.know(machine(MAC_A, '10.20.0.20'));
  const [now, later] = await discover();
  assert.deepEqual([now, asked()[0]], ['', '10.20.0.20']);
  assert.match(later, /^10\.20\.0\.10\d$/);
  assert.equal(reported('dhcp.fixed-address-used').length, 1);
});

test('a fixed address in use is set aside; its client has a dynamic one meanwhile, and the fixed one again', async () => {
  const { rack, wire, discover, take, asked, reported } = await start(reserved(), SQUATTER);
  const [now, later] = await discover();
  assert.equal(now, '');
  assert.match(later, /^10\.20\.0\.10\d$/);
  assert.deepEqual(
    reported('dhcp.fixed-address-used').map(({ address, mac, usedBy }) => [address, mac, usedBy]),
    [[FIXED, MAC_A, '02:00:00:00:00:99']],
  );
  assert.equal(rack.table.find(FIXED)?.state, 'declined');
  assert.equal(take(later), 'ACK');
  asked();
  assert.deepEqual(await discover(), [later, '']);
  wire.answers = undefined;
  rack.clock.advance(DECLINE_SECONDS * 1000 + 1);
  assert.deepEqual(await discover(), ['', '10.20.0.20']);
  assert.deepEqual(asked(), ['10.20.0.20'], 'a declined address is probed again');
  assert.equal(take('10.20.0.20'), 'ACK');
});

test('a fixed address that one answer set aside returns to its client when the client asks a minute later', async () => {
  const { rack, wire, discover, take, asked, reported } = await start(reserved(), SQUATTER);
  const [, meanwhile] = await discover();
  assert.equal(take(meanwhile), 'ACK');
  wire.answers = undefined;
  asked();
  rack.clock.advance(RECHECK_MS - 1000);
  assert.deepEqual([await discover(), asked()], [[meanwhile, ''], []], 'not before');
  rack.clock.advance(1000);
  reported('');
  assert.deepEqual([await discover(), asked()], [['', '10.20.0.20'], ['10.20.0.20']]);
  assert.equal(take('10.20.0.20'), 'ACK');
  assert.deepEqual(await discover(), ['10.20.0.20', '']);
  assert.equal(reported('dhcp.declined-back').length, 1);
});

test('while a host answers for a fixed address, an event says so once a minute, the client has another one, and the range stays whole', async () => {
  const { rack, discover, asked, reported } = await start(reserved(), SQUATTER);
  const [, meanwhile] = await discover();
  assert.equal(reported('dhcp.fixed-address-used').length, 1);
  asked();
  for (let minute = 0; minute < 50; minute += 1) {
    rack.clock.advance(RECHECK_MS / 2);
    assert.deepEqual([await discover(), asked()], [[meanwhile, ''], []]);
    rack.clock.advance(RECHECK_MS / 2);
    assert.equal((await discover()).join(''), meanwhile);
    assert.deepEqual(asked().slice(0, 1), ['10.20.0.20']);
  }
  const events = rack.events.splice(0).map(({ kind }) => kind);
  assert.equal(events.filter((kind) => kind === 'dhcp.fixed-address-used').length, 50);
  assert.ok(!events.includes('dhcp.probes-distrusted'), 'one address counts once');
});

test('a fixed address that its client declined is probed, and returns to the client', async () => {
  const { rack, discover, take, asked } = await start(reserved());
  await discover();
  assert.equal(take('10.20.0.20'), 'ACK');
  rack.say({ type: 'decline', mac: MAC_A, requested: FIXED, server: RACK });
  rack.journal.commit();
  assert.equal(rack.table.find(FIXED)?.state, 'declined');
  asked();
  rack.clock.advance(RECHECK_MS);
  assert.equal((await discover()).join(''), '10.20.0.20');
  assert.deepEqual(asked(), ['10.20.0.20']);
  assert.equal(take('10.20.0.20'), 'ACK');
});

test('if the wire cannot be probed, a declined fixed address stays set aside for its time', async () => {
  const { rack, discover, take } = await start(reserved({ conflictCheck: false }));
  await discover();
  assert.equal(take('10.20.0.20'), 'ACK');
  rack.say({ type: 'decline', mac: MAC_A, requested: FIXED, server: RACK });
  rack.journal.commit();
  rack.clock.advance(RECHECK_MS);
  assert.match((await discover())[0], /^10\.20\.0\.10\d$/);
});

test('without a range the client of a fixed address in use gets no answer, and the event names the address', async () => {
  const { rack, discover, reported } = await start(reserved({ dynamic: undefined }), SQUATTER);
  assert.deepEqual(await discover(), ['', '']);
  assert.equal(rack.refused('address-declined'), 1);
  assert.deepEqual(await discover(), ['', '']);
  const refusals = reported('dhcp.refused').map(({ reason, address }) => [reason, address]);
  assert.deepEqual(refusals.at(-1), ['address-declined', FIXED]);
  assert.equal(rack.refused('no-dynamic-range'), 0);
  await discover(MAC_B);
  assert.equal(rack.refused('no-dynamic-range'), 1, 'of a client that has no fixed address');
});

test('without a range a client learns that another one holds its fixed address for a while', async () => {
  const { rack, discover } = await start(subnet({ dynamic: undefined }));
  rack.know(machine(MAC_B, '10.20.0.20'));
  await discover(MAC_B);
  rack.ask({ type: 'request', mac: MAC_B, requested: FIXED, server: RACK });
  rack.know(machine(MAC_A, '10.20.0.20'));
  assert.deepEqual(await discover(), ['', '']);
  assert.equal(rack.refused('address-leased'), 1);
});

test('a fixed address that its own client already uses stays its own', async () => {
  const { discover, take } = await start(reserved(), MAC_A);
  assert.deepEqual(await discover(), ['', '10.20.0.20']);
  assert.equal(take('10.20.0.20'), 'ACK');
});

test('a fixed address that another client had is probed', async () => {
  const { rack, discover, asked } = await start(subnet(), MAC_B);
  rack.know(machine(MAC_B, '10.20.0.20'));
  await discover(MAC_B);
  rack.ask({ type: 'request', mac: MAC_B, requested: FIXED, server: RACK });
  rack.know(machine(MAC_A, '10.20.0.20'));
  rack.clock.advance(86_400_000);
  asked();
  const [now, later] = await discover();
  assert.deepEqual([now, asked()[0]], ['', '10.20.0.20']);
  assert.match(later, /^10\.20\.0\.10\d$/, 'it continues using it');
});

test('no fixed address is probed if the operator disabled the check', async () => {
  const { discover, asked } = await start(reserved({ conflictCheck: false }), SQUATTER);
  assert.deepEqual([await discover(), asked()], [['10.20.0.20', ''], []]);
});
