// Instructions of the kernel's packet filter. Sources: the kernel's classic BPF, socket(7)
// (SO_ATTACH_FILTER).
//
// 1. A jump reaches 255 instructions, so a word is compared in groups of GROUP_VALUES.
// 2. A filter's bytes must stay alive until it is attached.

import { findErrorName, type Libc } from './libc.ts';
import { SOL_SOCKET } from './wire-structs.ts';

/** Operation, jump if true, jump if false, operand. */
export type FilterInstruction = readonly [number, number, number, number];

export const LOAD_WORD = 0x20;
export const LOAD_HALF_WORD = 0x28;
export const LOAD_BYTE = 0x30;
/** Loads a half word behind the header length of LOAD_HEADER_LENGTH. */
export const LOAD_HALF_WORD_BEHIND = 0x48;
/** Reads the length of an IPv4 header, in octets. */
export const LOAD_HEADER_LENGTH = 0xb1;
export const JUMP = 0x05;
export const JUMP_IF_EQUAL = 0x15;
export const JUMP_IF_ANY_BIT = 0x45;
const RETURN = 0x06;

/** SKF_AD_OFF + SKF_AD_IFINDEX: the index of the interface that received the frame. */
export const LOAD_INTERFACE_INDEX = 0xfffff008;
/** SKF_AD_OFF + SKF_AD_RANDOM: a random word. */
export const LOAD_RANDOM = 0xfffff038;
/** SKF_LL_OFF + 8: the last four octets of the sender's hardware address. */
export const LOAD_SENDER_TAIL = 0xffe00008;

export const ACCEPT: FilterInstruction = [RETURN, 0, 0, 0xffff];
export const DROP: FilterInstruction = [RETURN, 0, 0, 0];

const SO_ATTACH_FILTER = 26;
const INSTRUCTION_BYTES = 8;
const PROGRAM_BYTES = 16;

/** Values compared before each instruction that takes the packet. */
const GROUP_VALUES = 200;

/** Takes the packet if the loaded word is one of these, else continues. */
export function acceptListed(values: readonly number[]): readonly FilterInstruction[] {
  const instructions: FilterInstruction[] = [];
  for (let start = 0; start < values.length; start += GROUP_VALUES) {
    const group = values.slice(start, start + GROUP_VALUES);
    group.forEach((value, index) => {
      instructions.push([JUMP_IF_EQUAL, group.length - index, 0, value]);
    });
    instructions.push([JUMP, 0, 0, 1], ACCEPT);
  }
  return instructions;
}

/** @returns the system's code if refused */
export function attachFilter(libc: Libc, fd: number, instructions: readonly FilterInstruction[]): string | undefined {
  const filter = encodeFilter(instructions);
  const program = Buffer.allocUnsafeSlow(PROGRAM_BYTES).fill(0);
  program.writeUInt16LE(instructions.length, 0);
  program.writeBigUInt64LE(libc.addressOf(filter), 8);
  const isAttached = libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length) === 0;
  const code = isAttached ? undefined : findErrorName(libc.errno());
  // `filter` is used after the call, so that its bytes stay alive.
  return filter.length === 0 ? 'EINVAL' : code;
}

function encodeFilter(instructions: readonly FilterInstruction[]): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(instructions.length * INSTRUCTION_BYTES);
  instructions.forEach(([code, ifTrue, ifFalse, operand], index) => {
    const offset = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, offset);
    bytes.writeUInt8(ifTrue, offset + 2);
    bytes.writeUInt8(ifFalse, offset + 3);
    bytes.writeUInt32LE(operand, offset + 4);
  });
  return bytes;
}
