// The filter of router discovery, run by an interpreter of its instructions.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mac } from '../../../src/ground/address.ts';
import type { FilterInstruction } from '../../../src/net/linux/packet-filter.ts';
import { FILTERED_MACHINES_MAX, makeBootingFilter, ROUTER_DISCOVERY } from '../../../src/net/linux/router-filter.ts';
import { runFilter } from './filter-lab.ts';

const BOOTS = mac(0x5254_0000_0010);
const STRANGER = mac(0x5254_0000_0011);
const OTHERS = Array.from({ length: FILTERED_MACHINES_MAX - 1 }, (_, host) => mac(0x0200_0001_0000 + host));

interface Frame {
  readonly next?: number;
  readonly type?: number;
  readonly from?: number;
  readonly random?: number;
}

function takes(filter: readonly FilterInstruction[], frame: Frame): boolean {
  const { next = 58, type = 133, from = STRANGER, random = 1 } = frame;
  const view = new DataView(new ArrayBuffer(48));
  view.setUint8(6, next);
  view.setUint8(40, type);
  return runFilter(filter, { view, senderTail: from % 2 ** 32, random });
}

describe('the frames that the router discovery filter keeps', () => {
  for (const [name, frame, expected] of [
    ['a solicitation', {}, true],
    ['an advertisement', { type: 134 }, true],
    ['an echo request', { type: 128 }, false],
    ['UDP', { next: 17 }, false],
  ] as const) {
    it(`is ${expected ? '' : 'not '}${name}`, () => {
      assert.equal(takes(ROUTER_DISCOVERY, frame), expected);
    });
  }

  for (const [name, machines] of [
    ['one machine boots', [BOOTS]],
    ['as many machines boot as fit', [...OTHERS, BOOTS]],
  ] as const) {
    const filter = makeBootingFilter(machines);
    it(`during a flood, where ${name}, is the packets of these machines and a sample of the rest`, () => {
      assert.equal(takes(filter, { from: BOOTS }), true);
      assert.equal(takes(filter, { from: BOOTS, type: 128 }), false);
      assert.equal(takes(filter, { from: STRANGER }), false);
      assert.equal(takes(filter, { from: STRANGER, random: 64 }), true);
      assert.equal(takes(filter, { from: STRANGER, random: 64, type: 128 }), false);
    });
  }

  it('is a sample of the packets of a machine beyond those that fit', () => {
    const filter = makeBootingFilter([...OTHERS, BOOTS, STRANGER]);
    assert.equal(takes(filter, { from: BOOTS }), true);
    assert.equal(takes(filter, { from: STRANGER }), false);
    assert.equal(takes(filter, { from: STRANGER, random: 64 }), true);
  });

  it('is a sample while no machine boots', () => {
    assert.equal(takes(makeBootingFilter([]), {}), false);
    assert.equal(takes(makeBootingFilter([]), { random: 0 }), true);
  });
});
