// The tables behind every decision: leases with their pending changes and ends, offers, the search for an address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseAddress } from '../../../src/dhcp/leases/allocate.ts';
import { ADDRESSES_PER_CLIENT_MAX, RUNNING_PER_CLIENT_MAX } from '../../../src/dhcp/leases/client-index.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { LeaseTable } from '../../../src/dhcp/leases/lease-table.ts';
import { OFFER_HOLD_MS, OFFERS_MAX, Offers } from '../../../src/dhcp/leases/offers.ts';
import { indexSubnets } from '../../../src/dhcp/networks/subnet.ts';
import { formatIpv4, ipv4, type MacAddress, mac, parseNetwork } from '../../../src/ground/address.ts';
import { type Instant, instant, later, seconds } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { ip } from '../../support/lab-facts.ts';
import { aloneIn, config, labState, MAC_A, MAC_B, MAC_C, subnet } from '../lab.ts';

const START = instant(1_000_000);
const LAB = aloneIn(indexSubnets(config(), undefined));
const NETWORK = parseNetwork('10.20.0.0/24') ?? { address: ip('0.0.0.0'), prefix: 0 };

function lease(holder: MacAddress, address: string, grantedAt: Instant, lengthS = 600): Lease {
  const expiresAt = later(grantedAt, lengthS * 1000);
  return { address: ip(address), mac: holder, state: 'bound', grantedAt, expiresAt, duration: seconds(lengthS) };
}

test('changes that are not written are rolled back, newest first', () => {
  const table = new LeaseTable();
  const first = lease(MAC_A, '10.20.0.100', START);
  table.load([first], START);
  table.apply({ ...first, state: 'released', expiresAt: later(START, 1) }, 1);
  const second = lease(MAC_B, '10.20.0.100', later(START, 2));
  table.apply(second, 2);
  assert.equal(table.find(first.address), second);
  assert.equal(table.findByClient(MAC_A, NETWORK), undefined);
  assert.equal(table.rollBack(1, 2, later(START, 3)).length, 2);
  assert.equal(table.find(first.address), first);
  assert.equal(table.findByClient(MAC_A, NETWORK), first);
  assert.equal(table.findByClient(MAC_B, NETWORK), undefined);
  assert.equal(table.lastPending, undefined);
});

test('a durable change is not rolled back', () => {
  const table = new LeaseTable();
  const first = lease(MAC_A, '10.20.0.100', START);
  const second = lease(MAC_A, '10.20.0.100', later(START, 5));
  table.apply(first, 1);
  table.apply(second, 2);
  assert.deepEqual(table.settle(1), [{ lease: first, previous: undefined, sequence: 1 }]);
  table.rollBack(2, 2, later(START, 6));
  assert.equal(table.find(first.address), first);
  assert.equal(table.settle(9).length, 0);
});

test('losing an earlier change leaves a later one of the same address in place', () => {
  const table = new LeaseTable();
  const first = lease(MAC_A, '10.20.0.100', START);
  const second = lease(MAC_A, '10.20.0.100', later(START, 5));
  table.apply(first, 1);
  table.apply(second, 2);
  table.rollBack(1, 1, later(START, 6));
  assert.equal(table.find(first.address), second);
  table.rollBack(2, 2, later(START, 7));
  assert.equal(table.find(first.address), undefined);
  assert.equal(table.size, 0);
});

test('each lease is reported once when it ends, in order, unless it was renewed', () => {
  const table = new LeaseTable();
  table.apply(lease(MAC_A, '10.20.0.100', START, 30), 1);
  table.apply(lease(MAC_B, '10.20.0.101', START, 20), 2);
  table.apply(lease(MAC_C, '10.20.0.102', START, 10), 3);
  assert.equal(table.nextExpiry, later(START, 10_000));
  table.apply(lease(MAC_C, '10.20.0.102', later(START, 5000), 60), 4);
  const reported: string[] = [];
  for (let at = 0; at <= 120; at += 1) {
    for (const ended of table.expire(later(START, at * 1000), 10)) reported.push(`${at} ${formatIpv4(ended.address)}`);
  }
  assert.deepEqual(reported, ['20 10.20.0.101', '30 10.20.0.100', '65 10.20.0.102']);
  assert.equal(table.nextExpiry, undefined);
});

test('a shortened lease ends at its new time; a released one ends without a report', () => {
  const table = new LeaseTable();
  table.apply(lease(MAC_A, '10.20.0.100', START, 600), 1);
  table.apply(lease(MAC_A, '10.20.0.100', START, 30), 2);
  const other = lease(MAC_B, '10.20.0.101', START, 60);
  table.apply(other, 3);
  table.apply({ ...other, state: 'released', expiresAt: later(START, 1000) }, 4);
  assert.equal(table.expire(later(START, 29_999), 10).length, 0);
  assert.equal(table.expire(later(START, 30_000), 10).length, 1);
  assert.equal(table.expire(later(START, 900_000), 10).length, 0);
});

test('a rolled back renewal ends when the lease before it ends', () => {
  const table = new LeaseTable();
  table.load([lease(MAC_A, '10.20.0.100', START, 60)], START);
  table.apply(lease(MAC_A, '10.20.0.100', later(START, 30_000), 60), 1);
  table.rollBack(1, 1, later(START, 31_000));
  assert.equal(table.expire(later(START, 60_000), 10).length, 1);
});

test('a lease that ended while its renewal waited for the disk is reported once the renewal is lost', () => {
  const table = new LeaseTable();
  const first = lease(MAC_A, '10.20.0.100', START, 60);
  table.load([first], START);
  table.apply(lease(MAC_A, '10.20.0.100', later(START, 59_000), 60), 1);
  assert.equal(table.expire(later(START, 60_000), 10).length, 0);
  table.rollBack(1, 1, later(START, 61_000));
  assert.deepEqual(table.expire(later(START, 61_000), 10), [first]);
  assert.equal(table.nextExpiry, undefined);
});

test('a lease that was reported is not reported again when the one after it is lost', () => {
  const table = new LeaseTable();
  table.load([lease(MAC_A, '10.20.0.100', START, 60)], START);
  assert.equal(table.expire(later(START, 60_000), 10).length, 1);
  table.apply(lease(MAC_A, '10.20.0.100', later(START, 90_000), 60), 1);
  table.rollBack(1, 1, later(START, 91_000));
  assert.equal(table.expire(later(START, 900_000), 10).length, 0);
});

test('at most the given number of leases end in one turn', () => {
  const table = new LeaseTable();
  for (let index = 0; index < 10; index += 1) table.apply(lease(mac(index + 1), `10.20.0.${index}`, START, 1), index);
  const later2 = later(START, 2000);
  assert.deepEqual(
    [4, 4, 4].map((limit) => table.expire(later2, limit).length),
    [4, 4, 2],
  );
});

test('leases that had ended before the start are loaded and not reported', () => {
  const table = new LeaseTable();
  table.load([lease(MAC_A, '10.20.0.100', later(START, -900_000))], START);
  assert.equal(table.nextExpiry, undefined);
  assert.equal(table.findByClient(MAC_A, NETWORK)?.address, ip('10.20.0.100'));
});

test('a client has one newest lease in each network, and a bounded past', () => {
  const table = new LeaseTable();
  const far = lease(MAC_A, '10.30.0.100', START);
  table.apply(far, 0);
  for (let index = 1; index <= 50; index += 1) {
    const at = later(START, index);
    table.apply({ ...lease(MAC_A, `10.20.0.${index}`, at), state: 'released', expiresAt: at }, index);
  }
  assert.equal(table.findByClient(MAC_A, NETWORK)?.address, ip('10.20.0.50'));
  assert.equal(table.findAllByClient(MAC_A).length, ADDRESSES_PER_CLIENT_MAX);
  assert.ok(table.findAllByClient(MAC_A).includes(far));
});

test('a running lease is remembered unless a client has absurdly many', () => {
  const table = new LeaseTable();
  for (let index = 1; index <= 20; index += 1) table.apply(lease(MAC_A, `10.${index}.0.1`, START), index);
  assert.equal(table.findAllByClient(MAC_A).length, 20);
});

test('one hardware address with very many running leases has some that are not a first choice, but all stay leases', () => {
  const table = new LeaseTable();
  const count = 5000;
  const stored = Array.from({ length: count }, (_, index): Lease => {
    return { ...lease(MAC_A, '10.20.0.0', START), address: ipv4(ip('10.20.0.0') + index), clientId: `id ${index}` };
  });
  table.load(stored, START);
  assert.equal(table.size, count);
  const remembered = table.findAllByClient(MAC_A);
  assert.equal(remembered.length, RUNNING_PER_CLIENT_MAX);
  assert.deepEqual(remembered, stored.slice(-RUNNING_PER_CLIENT_MAX), 'those that came last');
  const network = parseNetwork('10.20.0.0/16') ?? NETWORK;
  const { served } = indexSubnets(config(subnet({ network, identity: 'client-id' })), undefined);
  table.serve(served, new MachineDirectory([]));
  for (const one of [0, 1, count - 1]) assert.deepEqual(table.findAllByClient(`id ${one}`), [stored[one]]);
});

test('the leases of a network card are found under any identifiers, until they leave it', () => {
  const table = new LeaseTable();
  const called = (one: Lease, clientId: string | undefined): Lease => ({ ...one, clientId });
  const one = called(lease(MAC_A, '10.20.0.100', START), 'one');
  const two = called(lease(MAC_A, '10.20.0.101', START), 'two');
  const plain = lease(MAC_A, '10.20.0.102', START);
  const far = called(lease(MAC_A, '10.30.0.100', START), 'one');
  const other = called(lease(MAC_B, '10.20.0.103', START), 'three');
  table.load([one, two, plain, far, other], START);
  const found = (of: MacAddress): readonly Lease[] => table.findAllByMac(of).toSorted((a, b) => a.address - b.address);
  assert.deepEqual(found(MAC_A), [one, two, plain, far]);
  const { served } = indexSubnets(config(subnet({ identity: 'client-id' })), undefined);
  table.serve(served, new MachineDirectory([]));
  assert.deepEqual(found(MAC_A), [one, two, plain, far]);
  assert.deepEqual(table.findRunning(new Set([MAC_A, MAC_B]), START).length, 5);
  const moved = { ...one, mac: MAC_B };
  table.apply(moved, 1);
  assert.deepEqual(
    [found(MAC_A), found(MAC_B)],
    [
      [two, plain, far],
      [moved, other],
    ],
  );
  table.apply({ ...two, state: 'declined', clientId: undefined }, 2);
  table.apply({ ...plain, clientId: 'four' }, 3);
  assert.deepEqual(
    found(MAC_A).map(({ clientId }) => clientId),
    ['four', 'one'],
  );
  table.rollBack(1, 3, START);
  assert.deepEqual([found(MAC_A), found(MAC_B)], [[one, two, plain, far], [other]]);
  table.serve([], new MachineDirectory([]));
  assert.deepEqual(found(MAC_A), [one, two, plain, far]);
});

test('a declined address belongs to no client', () => {
  const table = new LeaseTable();
  const mine = lease(MAC_A, '10.20.0.100', START);
  table.apply(mine, 1);
  table.apply({ ...mine, state: 'declined' }, 2);
  assert.equal(table.findByClient(MAC_A, NETWORK), undefined);
  table.rollBack(2, 2, START);
  assert.equal(table.findByClient(MAC_A, NETWORK), mine);
});

test('an offer holds its address for its client until its time is over', () => {
  const offers = new Offers();
  offers.hold(ip('10.20.0.100'), MAC_A, LAB, START);
  const over = later(START, OFFER_HOLD_MS);
  assert.equal(offers.holderOf(ip('10.20.0.100'), later(over, -1)), MAC_A);
  assert.equal(offers.holderOf(ip('10.20.0.100'), over), undefined);
  offers.hold(ip('10.20.0.101'), MAC_A, LAB, START);
  assert.equal(offers.holderOf(ip('10.20.0.100'), START), undefined, 'a client has one offer');
  assert.equal(offers.offeredTo(MAC_A, LAB.served, START), ip('10.20.0.101'));
  offers.drop(MAC_A, LAB.sharedNetwork);
  assert.equal(offers.size, 0);
});

test('offers are limited: expired ones go first, then the oldest', () => {
  const offers = new Offers();
  for (let index = 0; index <= OFFERS_MAX; index += 1) offers.hold(ipv4(index), mac(index + 1), LAB, START);
  assert.equal(offers.size, OFFERS_MAX);
  assert.equal(offers.holderOf(ipv4(0), START), undefined);
  offers.hold(ipv4(99), mac(99), LAB, later(START, OFFER_HOLD_MS));
  assert.equal(offers.size, 1);
});

test('a client is offered the same unused address again, and clients of one vendor spread over the range', () => {
  const wide = config(subnet({ dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.249') }, router: undefined }));
  const choose = (client: number): string => {
    const state = labState(wide);
    const [served] = state.subnets.served;
    assert.ok(served !== undefined);
    const chosen = chooseAddress(served, { mac: mac(0x525400000000 + client) }, undefined, state, START);
    return chosen.kind === 'address' ? formatIpv4(chosen.address) : chosen.reason;
  };
  assert.equal(choose(5), choose(5));
  const distinct = new Set(Array.from({ length: 100 }, (_, index) => choose(index)));
  assert.ok(distinct.size > 60, `${distinct.size} addresses for 100 clients`);
});

test('every address of a range is found, whatever was given before', () => {
  const state = labState();
  const [served] = state.subnets.served;
  assert.ok(served !== undefined);
  const given = new Set<string>();
  for (let index = 0; index < 10; index += 1) {
    const client = mac(0x525400000000 + index);
    const chosen = chooseAddress(served, { mac: client }, undefined, state, START);
    assert.ok(chosen.kind === 'address');
    assert.equal(chosen.source, 'unused');
    state.leases.apply(lease(client, formatIpv4(chosen.address), START), index);
    given.add(formatIpv4(chosen.address));
  }
  assert.equal(given.size, 10);
  assert.deepEqual(chooseAddress(served, { mac: MAC_A }, undefined, state, START), {
    kind: 'refused',
    reason: 'range-exhausted',
  });
});

test('a lease renewed again and again ends once, at its last end, and is not checked at each former one', () => {
  const table = new LeaseTable();
  const renewals = 5;
  for (let index = 0; index < renewals; index += 1) {
    table.apply(lease(MAC_A, '10.20.0.100', START, 600 + 60 * index), index + 1);
    table.apply(lease(MAC_B, '10.20.0.101', START, 630 - 60 * index), 100 + index);
  }
  table.settle(1000);
  const at = (seconds: number): Instant => later(START, seconds * 1000);
  assert.deepEqual(
    table.expire(at(630 - 60 * (renewals - 1)), 10).map(({ mac }) => mac),
    [MAC_B],
    'an end that comes nearer counts',
  );
  assert.deepEqual(table.expire(at(600 + 60 * (renewals - 1) - 1), 10), []);
  assert.deepEqual(
    table.expire(at(600 + 60 * (renewals - 1)), 10).map(({ mac }) => mac),
    [MAC_A],
  );
  assert.equal(table.nextExpiry, undefined);
});
