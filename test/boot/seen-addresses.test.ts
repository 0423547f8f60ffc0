// Which machine was seen with which address of another DHCP server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEEN_ADDRESSES_MAX, SeenAddresses } from '../../src/boot/seen-addresses.ts';
import { type Ipv4, ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';

const NOW = instant(1_000_000);
const A = mac(0x525400000001);
const B = mac(0x525400000002);
const FIRST = ipv4(0x0a140064);
const SECOND = ipv4(0x0a140065);

test('a machine has the address that it took last', () => {
  const seen = new SeenAddresses();
  assert.equal(seen.claim(A, FIRST, NOW), undefined);
  assert.equal(seen.claim(A, FIRST, NOW), undefined, 'the same address again is not a change');
  assert.equal(seen.claim(A, SECOND, NOW), FIRST, 'the loader and the system of one machine may have two');
  assert.deepEqual([seen.find(FIRST)?.mac, seen.find(SECOND)?.mac, seen.findAddress(A)], [undefined, A, SECOND]);
});

test('an address belongs to the machine that took it last', () => {
  const seen = new SeenAddresses();
  seen.claim(A, FIRST, NOW);
  seen.claim(B, FIRST, NOW);
  assert.deepEqual([seen.find(FIRST)?.mac, seen.findAddress(A), seen.findAddress(B)], [B, undefined, FIRST]);
});

test('an address can be forgotten, with its machine', () => {
  const seen = new SeenAddresses();
  seen.claim(A, FIRST, NOW);
  seen.forget(FIRST);
  seen.forget(FIRST);
  assert.deepEqual([seen.find(FIRST)?.mac, seen.findAddress(A)], [undefined, undefined]);
});

test('at the bound the address seen longest ago is forgotten', () => {
  const seen = new SeenAddresses();
  for (let index = 0; index <= SEEN_ADDRESSES_MAX; index += 1) {
    seen.claim(mac(0x525400000000 + index), ipv4(0x0a000000 + index), NOW);
    seen.claim(mac(0x525400000000), ipv4(0x0a000000), NOW);
  }
  assert.equal([...seen.all()].length, SEEN_ADDRESSES_MAX);
  assert.equal(seen.findAddress(mac(0x525400000000)), ipv4(0x0a000000), 'an address seen again stays');
  assert.equal(seen.findAddress(mac(0x525400000001)), undefined);
});

test('after random claims each machine has one address and each address one machine', () => {
  const claim = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 40 }), (claims) => {
      const seen = new SeenAddresses();
      const byMac = new Map<MacAddress, Ipv4>();
      for (const [who, where, isClaim] of claims) {
        const [machine, address] = [mac(0x525400000000 + who), ipv4(0x0a140000 + where)];
        for (const [other, held] of byMac) if (held === address) byMac.delete(other);
        if (isClaim) {
          seen.claim(machine, address, NOW);
          byMac.set(machine, address);
        } else seen.forget(address);
      }
      for (const [machine, address] of byMac) {
        assert.deepEqual([seen.findAddress(machine), seen.find(address)?.mac], [address, machine]);
      }
      assert.equal([...seen.all()].length, byMac.size);
    }),
    { verbose: 1 },
  );
});
