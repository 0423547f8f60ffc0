// What the kernel is to keep for the socket that hears the answers to ARP probes: packets that name an address which is being probed, and
// nothing else. So no flood of other ARP can take an answer's place in that socket. Sources: RFC 5227 §2.1.1, the kernel's classic BPF.
//
// 1. It takes what `ArpProbes.hear` counts: the address as the sender's, or as the target of a packet without a sender's address.
// 2. An address counts on the interface on which it is probed only: another wire has none of it.

import type { Ipv4 } from './address.ts';
import {
  DROP,
  type FilterInstruction,
  JUMP,
  JUMP_IF_EQUAL,
  LOAD_INTERFACE_INDEX,
  LOAD_WORD,
  takeAnyOf,
} from './packet-filter.ts';

const SENDER_AT = 14;
const TARGET_AT = 24;

/** Hears nothing. */
export const NO_PROBES: readonly FilterInstruction[] = [DROP];

/** The filter for these addresses. */
export function probeFilter(
  probed: Iterable<{ readonly interfaceIndex: number; readonly address: Ipv4 }>,
): readonly FilterInstruction[] {
  const byInterface = new Map<number, Ipv4[]>();
  for (const { interfaceIndex, address } of probed) {
    const addresses = byInterface.get(interfaceIndex);
    if (addresses === undefined) byInterface.set(interfaceIndex, [address]);
    else addresses.push(address);
  }
  const blocks = [...byInterface].flatMap(([index, addresses]): readonly FilterInstruction[] => {
    const block = compare(addresses);
    return [
      [LOAD_WORD, 0, 0, LOAD_INTERFACE_INDEX],
      [JUMP_IF_EQUAL, 1, 0, index],
      [JUMP, 0, 0, block.length],
      ...block,
    ];
  });
  return [...blocks, DROP];
}

/** Takes a packet that names one of these addresses, and drops any other. */
const compare = (addresses: readonly Ipv4[]): readonly FilterInstruction[] => [
  [LOAD_WORD, 0, 0, SENDER_AT],
  [JUMP_IF_EQUAL, 0, 1, 0],
  [LOAD_WORD, 0, 0, TARGET_AT],
  ...takeAnyOf(addresses),
  DROP,
];
