// Instructions of the kernel's packet filter, as several filters need them. Sources: the kernel's classic BPF, socket(7) (SO_ATTACH_FILTER).
//
// 1. A jump reaches 255 instructions, so a word is compared in groups of GROUP.

/** One instruction of a filter: operation, jump if true, jump if false, operand. */
export type FilterInstruction = readonly [number, number, number, number];

export const LOAD_WORD = 0x20;
export const LOAD_BYTE = 0x30;
export const JUMP = 0x05;
export const JUMP_IF_EQUAL = 0x15;
export const JUMP_IF_ANY_BIT = 0x45;
const RETURN = 0x06;

/** SKF_AD_OFF + SKF_AD_IFINDEX: where a filter reads by which interface the frame came. */
export const LOAD_INTERFACE_INDEX = 0xfffff008;
/** SKF_AD_OFF + SKF_AD_RANDOM: a random word. */
export const LOAD_RANDOM = 0xfffff038;
/** SKF_LL_OFF + 8: the last four octets of the sender's hardware address. */
export const LOAD_SENDER_TAIL = 0xffe00008;

export const TAKE: FilterInstruction = [RETURN, 0, 0, 0xffff];
export const DROP: FilterInstruction = [RETURN, 0, 0, 0];

/** Values that are compared before the instruction that takes the packet. */
const GROUP = 200;

/** Takes the packet when the loaded word is one of these, and goes on to the next instruction otherwise. */
export function takeAnyOf(values: readonly number[]): readonly FilterInstruction[] {
  const instructions: FilterInstruction[] = [];
  for (let at = 0; at < values.length; at += GROUP) {
    const group = values.slice(at, at + GROUP);
    group.forEach((value, place) => {
      instructions.push([JUMP_IF_EQUAL, group.length - place, 0, value]);
    });
    // Past the instruction that takes it.
    instructions.push([JUMP, 0, 0, 1], TAKE);
  }
  return instructions;
}
