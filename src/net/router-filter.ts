// What the kernel is to keep for the socket that hears IPv6 router discovery. While somebody floods it, frames of everybody else would be
// lost by chance, so the kernel then keeps all solicitations of machines that boot, and of all the rest a sample. Sources: RFC 4861 §4.1,
// §4.2; the kernel's classic BPF.
//
// 1. Senders are compared by the last four octets of their hardware address: whoever shares them is heard as well.
// 2. The sample still shows that there is a router, for routers repeat themselves.

import type { MacAddress } from './address.ts';
import {
  DROP,
  type FilterInstruction,
  JUMP_IF_ANY_BIT,
  JUMP_IF_EQUAL,
  LOAD_BYTE,
  LOAD_RANDOM,
  LOAD_SENDER_TAIL,
  LOAD_WORD,
  TAKE,
  takeAnyOf,
} from './packet-filter.ts';

/**
 * Machines that boot whose solicitations the kernel keeps while a flood lasts. More of them fill it: solicitations of the others are then heard
 * by chance, as before. The kernel takes a filter of some 600 instructions wherever it runs. It empties 5 minutes after a machine's boot.
 */
export const SIEVED_MAX = 400;

/** One frame in 64 of the others passes: of a full gigabit of solicitations (1.3 million a second) no more than the wakes of a second take. */
const SAMPLE_BITS = 63;
const ICMPV6 = 58;
const SOLICITATION = 133;
const ADVERTISEMENT = 134;

/** Drops what is no router discovery: bytes 6 and 40 of the packet. */
const IS_ROUTER_DISCOVERY: readonly FilterInstruction[] = [
  [LOAD_BYTE, 0, 0, 6],
  [JUMP_IF_EQUAL, 1, 0, ICMPV6],
  DROP,
  [LOAD_BYTE, 0, 0, 40],
  [JUMP_IF_EQUAL, 2, 0, SOLICITATION],
  [JUMP_IF_EQUAL, 1, 0, ADVERTISEMENT],
  DROP,
];

/** Keeps all router discovery. */
export const ROUTER_DISCOVERY: readonly FilterInstruction[] = [...IS_ROUTER_DISCOVERY, TAKE];

/** Keeps the router discovery of the first SIEVED_MAX of these machines, and a sample of the rest. */
export function bootingFilter(machines: readonly MacAddress[]): readonly FilterInstruction[] {
  return [
    ...IS_ROUTER_DISCOVERY,
    [LOAD_WORD, 0, 0, LOAD_SENDER_TAIL],
    ...takeAnyOf(machines.slice(0, SIEVED_MAX).map((mac) => mac % 2 ** 32)),
    [LOAD_WORD, 0, 0, LOAD_RANDOM],
    [JUMP_IF_ANY_BIT, 1, 0, SAMPLE_BITS],
    TAKE,
    DROP,
  ];
}
