// The filter of answers to probes, run by an interpreter of its instructions.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Ipv4, ipv4 } from '../../../src/ground/address.ts';
import type { FilterInstruction } from '../../../src/net/linux/packet-filter.ts';
import { DROP_ALL, makeProbeFilter } from '../../../src/net/linux/probe-filter.ts';
import { PROBES_MAX } from '../../../src/net/watch/arp-probes.ts';
import { runFilter } from './filter-lab.ts';

const A = ipv4(0x0a140032);
const B = ipv4(0xc0a80001);
/** An eighth of the kernel's limit (BPF_MAXINSNS 4096, optmem_max 20480 octets in its own longer form). */
const INSTRUCTIONS_MAX = 600;

function packet(sender: number, target: number): DataView {
  const view = new DataView(new ArrayBuffer(28));
  view.setUint32(14, sender);
  view.setUint32(24, target);
  return view;
}

const takes = (filter: readonly FilterInstruction[], interfaceIndex: number, view: DataView): boolean =>
  runFilter(filter, { view, interfaceIndex });

const PROBED = [
  { interfaceIndex: 3, address: A },
  { interfaceIndex: 4, address: B },
];
const CASES: readonly (readonly [string, number, DataView, boolean])[] = [
  ['an answer', 3, packet(A, 0), true],
  ['the probe of another host', 3, packet(0, A), true],
  ['a request for the address, which shows no user', 3, packet(B, A), false],
  ['anybody else', 3, packet(A + 1, A), false],
  ['an answer on another wire', 4, packet(A, 0), false],
  ['an answer on the second wire', 4, packet(B, 0), true],
  ['a packet on a wire that is not probed', 5, packet(A, 0), false],
];

describe('the frames that the filter of probe answers keeps', () => {
  for (const [name, interfaceIndex, view, expected] of CASES) {
    it(`is ${expected ? '' : 'not '}${name}`, () => {
      assert.equal(takes(makeProbeFilter(PROBED), interfaceIndex, view), expected);
    });
  }

  it('is nothing without a probe', () => {
    for (const filter of [DROP_ALL, makeProbeFilter([])]) assert.equal(takes(filter, 3, packet(A, 0)), false);
  });

  it('holds for as many probes as can run', () => {
    const address = (index: number): Ipv4 => ipv4(A + index);
    const filter = makeProbeFilter(
      Array.from({ length: PROBES_MAX }, (_, index) => ({ interfaceIndex: 3, address: address(index) })),
    );
    assert.ok(filter.length < INSTRUCTIONS_MAX);
    for (let index = 0; index < PROBES_MAX; index += 1)
      assert.ok(takes(filter, 3, packet(address(index), 0)), `${index}`);
    assert.equal(takes(filter, 3, packet(address(PROBES_MAX), 0)), false);
  });
});
