// What the kernel is to keep for the socket that hears the answers to ARP probes: packets that name an address which is being probed, and
// nothing else. So no flood of other ARP can take an answer's place in that socket. Sources: RFC 5227 §2.1.1, the kernel's classic BPF.
//
// 1. It takes what `ArpProbes.hear` counts: the address as the sender's, or as the target of a packet without a sender's address.
// 2. An address counts on the interface on which it is probed only: another wire has none of it.
// 3. A jump reaches 255 instructions, so addresses are compared in groups of GROUP.

import type { Ipv4 } from './address.ts';
import { type FilterInstruction, LOAD_INTERFACE_INDEX } from './packet-socket.ts';

/** Addresses that are compared before the instruction that takes the packet. */
const GROUP = 200;
const SENDER_AT = 14;
const TARGET_AT = 24;

const LOAD_WORD = 0x20;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;

const TAKE: FilterInstruction = [RETURN, 0, 0, 0xffff];
const DROP: FilterInstruction = [RETURN, 0, 0, 0];

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
function compare(addresses: readonly Ipv4[]): readonly FilterInstruction[] {
  const instructions: FilterInstruction[] = [
    [LOAD_WORD, 0, 0, SENDER_AT],
    [JUMP_IF_EQUAL, 0, 1, 0],
    [LOAD_WORD, 0, 0, TARGET_AT],
  ];
  for (let at = 0; at < addresses.length; at += GROUP) {
    const group = addresses.slice(at, at + GROUP);
    group.forEach((address, place) => {
      instructions.push([JUMP_IF_EQUAL, group.length - place, 0, address]);
    });
    // Past the instruction that takes it.
    instructions.push([JUMP, 0, 0, 1], TAKE);
  }
  return [...instructions, DROP];
}
