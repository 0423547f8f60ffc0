// The kernel filter of the socket for answers to ARP probes: it keeps only packets that name a
// probed address. So no flood of other ARP can take an answer's place in that socket. Sources: RFC
// 5227 §2.1.1, the kernel's classic BPF.
//
// 1. It takes the packets that `ArpProbes.hear` counts: the address as the sender's, or as the
//    target of a packet without a sender address.
// 2. An address counts only on the interface on which it is probed.

import type { Ipv4 } from '../../ground/address.ts';
import {
  acceptListed,
  DROP,
  type FilterInstruction,
  JUMP,
  JUMP_IF_EQUAL,
  LOAD_INTERFACE_INDEX,
  LOAD_WORD,
} from './packet-filter.ts';

const SENDER_OFFSET = 14;
const TARGET_OFFSET = 24;

/** Accepts nothing. */
export const DROP_ALL: readonly FilterInstruction[] = [DROP];

/** The filter for these addresses. */
export function makeProbeFilter(
  probedAddresses: Iterable<{ readonly interfaceIndex: number; readonly address: Ipv4 }>,
): readonly FilterInstruction[] {
  const byInterface = new Map<number, Ipv4[]>();
  for (const { interfaceIndex, address } of probedAddresses) {
    const addresses = byInterface.get(interfaceIndex);
    if (addresses === undefined) byInterface.set(interfaceIndex, [address]);
    else addresses.push(address);
  }
  const blocks = [...byInterface].flatMap(([index, addresses]): readonly FilterInstruction[] => {
    const block = acceptNaming(addresses);
    return [
      [LOAD_WORD, 0, 0, LOAD_INTERFACE_INDEX],
      [JUMP_IF_EQUAL, 1, 0, index],
      [JUMP, 0, 0, block.length],
      ...block,
    ];
  });
  return [...blocks, DROP];
}

/** Accepts packets that name one of these addresses, and drops all others. */
const acceptNaming = (addresses: readonly Ipv4[]): readonly FilterInstruction[] => [
  [LOAD_WORD, 0, 0, SENDER_OFFSET],
  [JUMP_IF_EQUAL, 0, 1, 0],
  [LOAD_WORD, 0, 0, TARGET_OFFSET],
  ...acceptListed(addresses),
  DROP,
];
