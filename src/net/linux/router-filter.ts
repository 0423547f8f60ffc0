// The kernel's filter for IPv6 router discovery. During a flood it keeps solicitations of booting
// machines, and a sample of the rest: otherwise the kernel would drop frames at random. Sources: RFC
// 4861 §4.1, §4.2; the kernel's classic BPF.
//
// 1. Senders are compared by the last four octets of their hardware address.
// 2. The sample still reveals a router, because routers repeat their advertisements.

import type { MacAddress } from '../../ground/address.ts';
import {
  ACCEPT,
  acceptListed,
  DROP,
  type FilterInstruction,
  JUMP_IF_ANY_BIT,
  JUMP_IF_EQUAL,
  LOAD_BYTE,
  LOAD_RANDOM,
  LOAD_SENDER_TAIL,
  LOAD_WORD,
} from './packet-filter.ts';

/**
 * Machines whose solicitations are kept during a flood; those of further machines are only sampled.
 * Every kernel accepts a filter of some 600 instructions. A machine leaves the list 5 minutes after
 * its boot.
 */
export const FILTERED_MACHINES_MAX = 400;

/**
 * One in 64 other frames passes. Of a full gigabit, 1.3 million frames a second, this leaves what
 * the thread can read.
 */
const SAMPLE_MASK = 63;
const ICMPV6 = 58;
const SOLICITATION = 133;
const ADVERTISEMENT = 134;

/** Drops everything but router discovery, by bytes 6 and 40 of the packet. */
const IS_ROUTER_DISCOVERY: readonly FilterInstruction[] = [
  [LOAD_BYTE, 0, 0, 6],
  [JUMP_IF_EQUAL, 1, 0, ICMPV6],
  DROP,
  [LOAD_BYTE, 0, 0, 40],
  [JUMP_IF_EQUAL, 2, 0, SOLICITATION],
  [JUMP_IF_EQUAL, 1, 0, ADVERTISEMENT],
  DROP,
];

export const ROUTER_DISCOVERY: readonly FilterInstruction[] = [...IS_ROUTER_DISCOVERY, ACCEPT];

/** Keeps router discovery of the first FILTERED_MACHINES_MAX machines, and a sample of the rest. */
export function makeBootingFilter(machines: readonly MacAddress[]): readonly FilterInstruction[] {
  return [
    ...IS_ROUTER_DISCOVERY,
    [LOAD_WORD, 0, 0, LOAD_SENDER_TAIL],
    ...acceptListed(machines.slice(0, FILTERED_MACHINES_MAX).map((mac) => mac % 2 ** 32)),
    [LOAD_WORD, 0, 0, LOAD_RANDOM],
    [JUMP_IF_ANY_BIT, 1, 0, SAMPLE_MASK],
    ACCEPT,
    DROP,
  ];
}
