// The free addresses of a range: correct after every change, and found at the same cost however full the range is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseAddress, findUnanswered, judgeAddress } from '../../../src/dhcp/leases/allocate.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { isHeld } from '../../../src/dhcp/leases/lease-table.ts';
import { OFFER_ANSWERED_MS, OFFER_HOLD_MS, OFFERS_MAX } from '../../../src/dhcp/leases/offers.ts';
import { indexSubnets } from '../../../src/dhcp/networks/subnet.ts';
import { type Ipv4, ipv4, type MacAddress, mac, parseNetwork, rangeSize } from '../../../src/ground/address.ts';
import { type Instant, instant, later, seconds } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { ip } from '../../support/lab-facts.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { WordCounter } from '../../support/word-counter.ts';
import { aloneIn, config, type LabState, labState, MAC_A, MAC_B, machine, subnet } from '../lab.ts';

const START = instant(1_000_000);

function lease(
  holder: MacAddress,
  address: Ipv4,
  grantedAt: Instant,
  lengthS = 600,
  state: Lease['state'] = 'bound',
): Lease {
  const expiresAt = later(grantedAt, lengthS * 1000);
  return { address, mac: holder, state, grantedAt, expiresAt, duration: seconds(lengthS) };
}

/** 10.1.0.0/16 except a few addresses at its ends. */
const wide = (): ReturnType<typeof subnet> =>
  subnet({
    network: parseNetwork('10.1.0.0/16') ?? { address: ipv4(0), prefix: 0 },
    serverAddress: ip('10.1.0.1'),
    router: ip('10.1.0.2'),
    dynamic: { low: ip('10.1.0.3'), high: ip('10.1.255.254') },
    static: undefined,
  });

const servedOf = (state: LabState) => {
  const [served] = state.subnets.served;
  assert.ok(served !== undefined);
  return served;
};

/** Words looked at while choosing an address for an unknown client, and the address. */
function stepsOf(
  state: LabState,
  client: MacAddress,
  counter: WordCounter,
): { readonly steps: number; readonly address: Ipv4 } {
  const before = counter.reads;
  const chosen = chooseAddress(servedOf(state), { mac: client }, undefined, state, START);
  assert.ok(chosen.kind === 'address');
  return { steps: counter.reads - before, address: chosen.address };
}

test('an address costs as many steps in an empty /16 as in one with a single free address', () => {
  const counter = new WordCounter();
  const [empty, nearlyFull] = counter.watch(() => [labState(config(wide())), labState(config(wide()))] as const);
  const { low, high } = wide().dynamic ?? { low: ipv4(0), high: ipv4(0) };
  const left = ip('10.1.77.3');
  const taken: Lease[] = [];
  for (let address: number = low; address <= high; address += 1) {
    if (address !== left) taken.push(lease(mac(address), ipv4(address), START));
  }
  nearlyFull.leases.load(taken, START);
  nearlyFull.leases.serve(nearlyFull.subnets.served, nearlyFull.machines);
  assert.equal(nearlyFull.leases.pools.usage()[0]?.free, 1);
  let most = 0;
  for (let client = 1; client <= 500; client += 1) {
    const found = stepsOf(nearlyFull, mac(0x525400000000 + client), counter);
    assert.equal(found.address, left);
    most = Math.max(most, found.steps, stepsOf(empty, mac(0x525400000000 + client), counter).steps);
  }
  assert.ok(most >= 1 && most <= 10, `${most} words of the range's set were looked at`);
});

test('a full range gives the address whose lease ended longest ago, without a look at the others', () => {
  const state = labState(config(wide()));
  const { low, high } = wide().dynamic ?? { low: ipv4(0), high: ipv4(0) };
  const all: Lease[] = [];
  for (let address: number = low; address <= high; address += 1) {
    // The lease of the address in the middle ended first, by a second.
    const age = address === ip('10.1.128.0') ? 3601 : 3600 - (address % 1000);
    all.push(lease(mac(address), ipv4(address), later(START, -age * 1000), 60));
  }
  state.leases.load(all, START);
  state.leases.serve(state.subnets.served, state.machines);
  const chosen = chooseAddress(servedOf(state), { mac: MAC_A }, undefined, state, START);
  assert.deepEqual(chosen, { kind: 'address', address: ip('10.1.128.0'), source: 'reclaimed' });
});

test('ended leases are handed out again even before their end is reported', () => {
  const state = labState();
  for (let index = 0; index < 10; index += 1) {
    state.leases.apply(lease(mac(index + 1), ipv4(ip('10.20.0.100') + index), START, 60 - index), index);
  }
  const choose = (at: Instant) => chooseAddress(servedOf(state), { mac: MAC_A }, undefined, state, at);
  assert.deepEqual(choose(later(START, 50_999)), { kind: 'refused', reason: 'range-exhausted' });
  const first = { kind: 'address', address: ip('10.20.0.109'), source: 'reclaimed' };
  assert.deepEqual(choose(later(START, 51_000)), first);
  assert.deepEqual(choose(later(START, 90_000)), first);
  assert.equal(state.leases.expire(later(START, 90_000), 100).length, 10, 'each end is still reported');
});

test('an address on offer goes to no other client, even one that asks for it', () => {
  const state = labState();
  state.offers.hold(ip('10.20.0.105'), MAC_A, aloneIn(state.subnets), START);
  const other = chooseAddress(
    servedOf(state),
    { mac: MAC_B },
    ip('10.20.0.105'),
    state,
    later(START, OFFER_HOLD_MS - 1),
  );
  assert.ok(other.kind === 'address' && other.address !== ip('10.20.0.105'));
  const over = chooseAddress(servedOf(state), { mac: MAC_B }, ip('10.20.0.105'), state, later(START, OFFER_HOLD_MS));
  assert.deepEqual(over, { kind: 'address', address: ip('10.20.0.105'), source: 'requested' });
});

test('if nothing is left, the address of an unanswered offer goes to the next client, the oldest first', () => {
  const state = labState();
  for (let index = 0; index < 10; index += 1) {
    state.offers.hold(ipv4(ip('10.20.0.100') + index), mac(100 + index), aloneIn(state.subnets), later(START, index));
  }
  const full = chooseAddress(servedOf(state), { mac: MAC_A }, undefined, state, later(START, OFFER_ANSWERED_MS));
  assert.deepEqual(full, { kind: 'refused', reason: 'range-exhausted' });
  const choose = (at: Instant) => findUnanswered(servedOf(state), { mac: MAC_A }, state, at, OFFER_ANSWERED_MS);
  assert.equal(choose(later(START, OFFER_ANSWERED_MS - 1)), undefined);
  assert.deepEqual(choose(later(START, OFFER_ANSWERED_MS)), {
    kind: 'address',
    address: ip('10.20.0.100'),
    source: 'reclaimed',
  });
  state.offers.hold(ip('10.20.0.100'), MAC_A, aloneIn(state.subnets), later(START, OFFER_ANSWERED_MS));
  assert.equal(
    state.offers.offeredTo(mac(100), aloneIn(state.subnets).served, later(START, OFFER_ANSWERED_MS)),
    undefined,
  );
  assert.equal(
    judgeAddress(servedOf(state), { mac: mac(100) }, ip('10.20.0.100'), state, later(START, OFFER_ANSWERED_MS)),
    'address-offered',
  );
});

test('an offer forgotten because there are too many gives its address to one client only', () => {
  const state = labState(config(wide()));
  const first = chooseAddress(servedOf(state), { mac: MAC_A }, undefined, state, START);
  assert.ok(first.kind === 'address');
  state.offers.hold(first.address, MAC_A, aloneIn(state.subnets), START);
  for (let client = 1; client <= OFFERS_MAX; client += 1) {
    const chosen = chooseAddress(servedOf(state), { mac: mac(client) }, undefined, state, START);
    assert.ok(chosen.kind === 'address');
    assert.notEqual(chosen.address, first.address, 'an offer stands while there is room');
    state.offers.hold(chosen.address, mac(client), aloneIn(state.subnets), START);
  }
  assert.equal(state.offers.holderOf(first.address, START), undefined);
  const next = chooseAddress(servedOf(state), { mac: MAC_B }, first.address, state, START);
  assert.ok(next.kind === 'address' && next.address === first.address);
  state.offers.hold(first.address, MAC_B, aloneIn(state.subnets), START);
  const judge = (client: MacAddress) => judgeAddress(servedOf(state), { mac: client }, first.address, state, START);
  assert.equal(judge(MAC_A), 'address-offered');
  state.leases.apply(lease(MAC_B, first.address, START), 1);
  state.offers.drop(MAC_B, aloneIn(state.subnets).sharedNetwork);
  assert.equal(judge(MAC_A), 'address-leased');
  assert.equal(judge(MAC_B), undefined);
});

test('addresses that configuration and region reserve go to no other client, and come back', () => {
  const state = labState(config(subnet({ reservations: [{ mac: MAC_B, address: ip('10.20.0.101') }] })));
  const free = () => state.leases.pools.usage()[0]?.free;
  assert.equal(free(), 9);
  const kept = new MachineDirectory([machine(MAC_B, '10.20.0.103')]);
  state.leases.serve(state.subnets.served, kept);
  assert.equal(free(), 8);
  state.leases.load([lease(mac(9), ip('10.20.0.103'), later(START, -900_000))], START);
  assert.equal(free(), 8, 'neither when its lease has ended');
  state.leases.serve(state.subnets.served, new MachineDirectory([]));
  assert.equal(free(), 9);
  assert.equal(state.leases.findEnded({ low: ip('10.20.0.100'), high: ip('10.20.0.109') }, START), ip('10.20.0.103'));
  state.leases.serve(indexSubnets(config(subnet()), undefined).served, new MachineDirectory([]));
  assert.equal(free(), 10);
});

test('a range that is served again knows its leases, offers and declined addresses', () => {
  const state = labState(config(subnet({ dynamic: undefined })));
  state.leases.apply(lease(MAC_A, ip('10.20.0.100'), START), 1);
  state.leases.apply(lease(MAC_B, ip('10.20.0.101'), START, 3600, 'declined'), 2);
  state.offers.hold(ip('10.20.0.102'), MAC_B, aloneIn(state.subnets), START);
  assert.deepEqual(state.leases.pools.usage(), []);
  state.leases.serve(indexSubnets(config(subnet()), undefined).served, state.machines);
  assert.deepEqual(state.leases.pools.usage(), [
    {
      subnet: 'lab',
      range: { low: ip('10.20.0.100'), high: ip('10.20.0.109') },
      usable: 10,
      free: 7,
      offered: 1,
      declined: 1,
    },
  ]);
  state.leases.serve(indexSubnets(config(subnet({ dynamic: undefined })), undefined).served, state.machines);
  state.leases.serve(indexSubnets(config(subnet()), undefined).served, state.machines);
  assert.equal(state.leases.pools.usage()[0]?.free, 7);
});

test('whatever happens, a range hands out what no client holds, and all of it', () => {
  const below = printedRandom('address pools');
  for (let run = 0; run < 60; run += 1) {
    const reserved = { mac: mac(77), address: ipv4(ip('10.20.0.100') + below(10)) };
    const state = labState(config(subnet({ reservations: [reserved] })));
    const served = servedOf(state);
    const range = subnet().dynamic;
    assert.ok(range !== undefined);
    let now = START;
    let sequence = 0;
    let { machines } = state;
    for (let step = 0; step < 200; step += 1) {
      const address = ipv4(ip('10.20.0.98') + below(14));
      const client = mac(1 + below(12));
      const dice = below(12);
      sequence += 1;
      if (dice < 4) state.leases.apply(lease(client, address, now, 1 + below(90)), sequence);
      else if (dice === 4) state.leases.apply(lease(client, address, now, 1 + below(90), 'declined'), sequence);
      else if (dice === 5) state.leases.apply({ ...lease(client, address, now, 0), state: 'released' }, sequence);
      else if (dice === 6) state.offers.hold(address, client, aloneIn(state.subnets), now);
      else if (dice === 7) state.offers.drop(client, aloneIn(state.subnets).sharedNetwork);
      else if (dice === 8) now = later(now, below(30_000));
      else if (dice === 9) {
        state.leases.settle(sequence - below(4));
      } else if (dice === 10) state.leases.rollBack(sequence - below(3), sequence, now);
      else if (below(3) === 0) state.leases.expire(now, 1 + below(20));
      else {
        machines = new MachineDirectory(below(2) === 0 ? [] : [machine(mac(99), `10.20.0.${100 + below(10)}`)]);
        state.leases.serve(state.subnets.served, machines);
      }
      state.offers.forget(now);
      const facts = { ...state, machines };
      const stranger = { mac: mac(0x525400ffffff) };
      let free = 0;
      let unused = 0;
      for (let at: number = range.low; at <= range.high; at += 1) {
        if (judgeAddress(served, stranger, ipv4(at), facts, now) !== undefined) continue;
        if (facts.offers.holderOf(ipv4(at), now) !== undefined) continue;
        free += 1;
        if (state.leases.find(ipv4(at)) === undefined) unused += 1;
        else assert.ok(!isHeld(state.leases.find(ipv4(at)), now));
      }
      const chosen = chooseAddress(served, stranger, undefined, facts, now);
      // Reading processes the ends that are due.
      state.leases.findEnded(range, now);
      const usage = state.leases.usageOf(range);
      assert.equal(usage?.free, free, `run ${run}, step ${step}`);
      assert.equal(
        chosen.kind === 'address' ? chosen.source : chosen.reason,
        unused > 0 ? 'unused' : free > 0 ? 'reclaimed' : chosen.kind === 'address' ? 'reclaimed' : 'range-exhausted',
      );
      if (chosen.kind === 'address') {
        assert.equal(judgeAddress(served, stranger, chosen.address, facts, now) === undefined, free > 0);
      }
      assert.ok(usage.usable <= rangeSize(range));
    }
  }
});
