// Fair shares of a bounded number of places: which newcomers are admitted, and which holders give way.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  FairQueue,
  FairShares,
  findNetworkKey,
  keyForSpeaker,
  type Place,
} from '../../../src/net/shares/fair-shares.ts';

/** Admits `count` holders of one address; each is named after its address and number. */
function fill(shares: FairShares<string>, address: string, count: number): Place<string>[] {
  return Array.from({ length: count }, (_, index) => {
    const admission = shares.admit(address, `${address}#${index}`);
    assert.equal(admission.kind, 'admitted');
    return admission.place;
  });
}

describe('FairShares', () => {
  test('one address may take every place while no other asks for one', () => {
    const shares = new FairShares<string>({ max: 200 });
    fill(shares, '10.0.0.1', 200);
    assert.equal(shares.size, 200);
    assert.deepEqual(shares.admit('10.0.0.1', 'more'), { kind: 'refused', bound: 'all' });
  });

  test('a newcomer gets a place of the address that holds the most, the least recently active first', () => {
    const shares = new FairShares<string>({ max: 10 });
    const [first] = fill(shares, '10.0.0.1', 8);
    fill(shares, '10.0.0.2', 2);
    assert.ok(first !== undefined);
    shares.touch(first, false);
    const admission = shares.admit('10.0.0.3', 'new');
    assert.equal(admission.kind === 'admitted' && admission.evicted, '10.0.0.1#1');
    assert.equal(shares.getCount('10.0.0.1'), 7);
    assert.equal(shares.size, 10);
  });

  test('busy holders with equal shares do not replace one another', () => {
    const shares = new FairShares<string>({ max: 4 });
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']) fill(shares, address, 1);
    assert.deepEqual(shares.admit('10.0.0.5', 'new'), { kind: 'refused', bound: 'all' });
    assert.deepEqual(shares.admit('10.0.0.1', 'second'), { kind: 'refused', bound: 'all' });
  });

  test('at equal shares the longest idle place gives way', () => {
    const shares = new FairShares<string>({ max: 3 });
    const places = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].flatMap((address) => fill(shares, address, 1));
    for (const index of [2, 0]) {
      const place = places[index];
      assert.ok(place !== undefined);
      shares.touch(place, true);
    }
    const admission = shares.admit('10.0.0.4', 'new');
    assert.equal(admission.kind === 'admitted' && admission.evicted, '10.0.0.3#0');
  });

  test('an address with many places cannot take the idle place of one with few', () => {
    const shares = new FairShares<string>({ max: 4 });
    fill(shares, '10.0.0.1', 3);
    const [lone] = fill(shares, '10.0.0.2', 1);
    assert.ok(lone !== undefined);
    shares.touch(lone, true);
    assert.equal(shares.admit('10.0.0.1', 'fourth').kind, 'refused');
  });

  test('many addresses of one network together cannot take the share of another network', () => {
    const shares = new FairShares<string>({ max: 100 });
    for (let host = 1; host <= 100; host += 1) fill(shares, `10.0.0.${host}`, 1);
    for (let count = 0; count < 50; count += 1) {
      assert.equal(shares.admit('10.0.1.1', `other${count}`).kind, 'admitted', `place ${count}`);
    }
    assert.equal(shares.getCount('10.0.1.1'), 50);
    assert.equal(shares.admit('10.0.1.1', 'too many').kind, 'refused');
  });

  test('an address at its own bound gives up its own idle place, and no other address loses one', () => {
    const shares = new FairShares<string>({ max: 100, addressMax: 2 });
    const [first] = fill(shares, '10.0.0.1', 2);
    const [other] = fill(shares, '10.0.0.2', 1);
    assert.ok(first !== undefined && other !== undefined);
    shares.touch(other, true);
    assert.deepEqual(shares.admit('10.0.0.1', 'third'), { kind: 'refused', bound: 'address' });
    shares.touch(first, true);
    const admission = shares.admit('10.0.0.1', 'third');
    assert.equal(admission.kind === 'admitted' && admission.evicted, '10.0.0.1#0');
  });

  test('keys need not be addresses: here a name and its domain', () => {
    const networkOf = (name: string | number): string => String(name).split('.').slice(-1).join('.');
    const shares = new FairShares<string>({ max: 4, networkKey: networkOf });
    for (const name of ['a.one', 'b.one', 'c.one', 'a.two']) fill(shares, name, 1);
    const admission = shares.admit('b.two', 'new');
    assert.equal(admission.kind === 'admitted' && admission.evicted, 'a.one#0');
  });

  test('a released place can be neither touched nor released again', () => {
    const shares = new FairShares<string>({ max: 2 });
    const [place] = fill(shares, '10.0.0.1', 1);
    assert.ok(place !== undefined);
    shares.release(place);
    shares.touch(place, true);
    shares.release(place);
    assert.equal(shares.size, 0);
    fill(shares, '10.0.0.2', 2);
  });

  test('at most `max` places are ever held, and a newcomer is refused only when shares are even', () => {
    const step = fc.record({
      kind: fc.constantFrom('admit', 'admit', 'admit', 'idle', 'busy', 'release'),
      host: fc.integer({ min: 0, max: 11 }),
      index: fc.nat(30),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const shares = new FairShares<symbol>({ max: 12 });
        const held = new Map<symbol, Place<symbol>>();
        for (const { kind, host, index } of steps) {
          const address = `10.0.${host % 3}.${host}`;
          const place = [...held.values()][index];
          if (kind === 'admit') {
            const id = Symbol(address);
            const admission = shares.admit(address, id);
            if (admission.kind === 'admitted') {
              if (admission.evicted !== undefined) assert.ok(held.delete(admission.evicted));
              held.set(id, admission.place);
            } else assertEven([...held.values()], address);
          } else if (place === undefined) continue;
          else if (kind === 'release') {
            shares.release(place);
            held.delete(place.holder);
          } else shares.touch(place, kind === 'idle');
          assert.equal(shares.size, held.size);
          assert.ok(shares.size <= 12);
          assert.equal(shares.getCount(address), countBy([...held.values()], 'address').get(address) ?? 0);
        }
      }),
    );
  });
});

function countBy(places: readonly Place<symbol>[], key: 'address' | 'network'): Map<string | number, number> {
  const counts = new Map<string | number, number>();
  for (const place of places) counts.set(place[key], (counts.get(place[key]) ?? 0) + 1);
  return counts;
}

function assertEven(places: readonly Place<symbol>[], address: string): void {
  assert.equal(places.length, 12);
  const network = findNetworkKey(address);
  const networks = countBy(places, 'network');
  assert.ok(Math.max(...networks.values()) < (networks.get(network) ?? 0) + 2);
  const addresses = countBy(
    places.filter((place) => place.network === network),
    'address',
  );
  assert.ok(Math.max(0, ...addresses.values()) < (addresses.get(address) ?? 0) + 2);
}

test('the network of an IPv4 address, mapped or not, is its /24, and of an IPv6 address its /64', () => {
  const cases: [address: string, network: string][] = [
    ['10.20.30.40', '10.20.30'],
    ['::ffff:10.20.30.40', '10.20.30'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:DB8::1', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ];
  for (const [address, network] of cases) assert.equal(findNetworkKey(address), network, address);
});

test('all clients of one speaker are one network, whatever addresses it names', () => {
  for (const address of [
    '10.50.0.9',
    '2001:db8::1',
    '',
    keyForSpeaker('10.50.0.9', 'another'),
    ' by ',
    'x by y by z',
  ]) {
    assert.equal(findNetworkKey(keyForSpeaker(address, 'rack far')), 'rack far', address);
  }
});

test('a queue keeps the order of arrival and its bound: a newcomer leaves at once, or one of the largest share gives way', () => {
  const queue = new FairQueue<string>(4);
  const enter = (address: string, ...names: readonly string[]) => names.map((name) => queue.enter(address, name));
  assert.deepEqual(enter('10.0.0.1', 'a', 'b', 'c', 'd', 'e'), [undefined, undefined, undefined, undefined, 'e']);
  assert.deepEqual(enter('10.0.1.1', 'f', 'g', 'h'), ['a', 'b', 'h']);
  assert.deepEqual([[...queue], queue.has('a')], [['c', 'd', 'f', 'g'], false]);
  queue.leave('a');
  queue.leave('d');
  assert.deepEqual([[...queue], queue.size, queue.enter('10.0.0.1', 'i')], [['c', 'f', 'g'], 3, undefined]);
});
