// Interprets classic BPF filters: only the instructions that ours use.

import assert from 'node:assert/strict';
import {
  DROP,
  type FilterInstruction,
  JUMP,
  JUMP_IF_ANY_BIT,
  JUMP_IF_EQUAL,
  LOAD_BYTE,
  LOAD_INTERFACE_INDEX,
  LOAD_RANDOM,
  LOAD_SENDER_TAIL,
  LOAD_WORD,
} from '../../../src/net/linux/packet-filter.ts';

/** The data that a filter can read. */
interface FilteredPacket {
  readonly view: DataView;
  readonly interfaceIndex?: number;
  readonly senderTail?: number;
  readonly random?: number;
}

/** True if the kernel would keep the packet. */
export function runFilter(filter: readonly FilterInstruction[], packet: FilteredPacket): boolean {
  const { view, interfaceIndex = 0, senderTail = 0, random = 0 } = packet;
  const ancillary = new Map([
    [LOAD_INTERFACE_INDEX, interfaceIndex],
    [LOAD_SENDER_TAIL, senderTail],
    [LOAD_RANDOM, random],
  ]);
  let accumulator = 0;
  for (let at = 0; ; at += 1) {
    const [code, ifTrue, ifFalse, operand] = filter[at] ?? assert.fail('it runs out of its end');
    if (code === LOAD_WORD) accumulator = ancillary.get(operand) ?? view.getUint32(operand);
    else if (code === LOAD_BYTE) accumulator = view.getUint8(operand);
    else if (code === JUMP_IF_EQUAL) at += accumulator === operand ? ifTrue : ifFalse;
    else if (code === JUMP_IF_ANY_BIT) at += (accumulator & operand) !== 0 ? ifTrue : ifFalse;
    else if (code === JUMP) at += operand;
    else if (code === DROP[0]) return operand > 0;
    else assert.fail(`instruction ${code}`);
    assert.ok(ifTrue < 256 && ifFalse < 256);
  }
}
