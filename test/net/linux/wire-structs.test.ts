import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import {
  encodeDeviceName,
  encodeInt,
  encodeNetlinkAddress,
  encodeSocketAddress,
  MessageBatch,
  readInt,
} from '../../../src/net/linux/wire-structs.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A memory with each buffer at its own address, so that pointers can be followed. */
class Memory {
  readonly #buffers = new Map<bigint, Uint8Array>();
  readonly addressOf = (buffer: Uint8Array): bigint => {
    const address = BigInt((this.#buffers.size + 1) * 0x1000_0000);
    this.#buffers.set(address, buffer);
    return address;
  };
  read(address: bigint, length: number): Uint8Array {
    for (const [start, buffer] of this.#buffers) {
      const offset = Number(address - start);
      if (offset >= 0 && offset + length <= buffer.length) return buffer.subarray(offset, offset + length);
    }
    return assert.fail(`nothing at ${address}`);
  }
}

/** The contents of a slot, as the kernel would read them. */
function slotOf(batch: MessageBatch, memory: Memory, slot: number) {
  const headers = batch.sliceHeaders(slot);
  const view = new DataView(headers.buffer, headers.byteOffset, headers.byteLength);
  const vector = memory.read(view.getBigUint64(16, true), 16);
  const vectorView = new DataView(vector.buffer, vector.byteOffset, 16);
  const [payloadAt, length] = [vectorView.getBigUint64(0, true), Number(vectorView.getBigUint64(8, true))];
  return {
    name: hex(memory.read(view.getBigUint64(0, true), view.getUint32(8, true))),
    vectors: Number(view.getBigUint64(24, true)),
    control: hex(memory.read(view.getBigUint64(32, true), view.getUint32(40, true))),
    payload: hex(memory.read(payloadAt, length)),
  };
}

describe('a batch of messages', () => {
  it('gives each slot its own name, payload and control data', () => {
    const memory = new Memory();
    const batch = new MessageBatch(3, 100, memory.addressOf);
    for (let slot = 0; slot < 3; slot += 1) {
      batch.payload(slot).set([slot, 0xaa]);
      batch.setLength(slot, 2);
      batch.setPeer(slot, ipv4(0x0a140000 + slot), 6800 + slot);
    }
    for (let slot = 0; slot < 3; slot += 1) {
      assert.deepEqual(slotOf(batch, memory, slot), {
        name: `02001a9${slot}0a14000${slot}0000000000000000`,
        vectors: 1,
        control: '',
        payload: `0${slot}aa`,
      });
    }
  });

  it('writes a source address as IP_PKTINFO with interface 0', () => {
    const memory = new Memory();
    const batch = new MessageBatch(1, 16, memory.addressOf);
    batch.setPeer(0, ipv4(1), 1);
    batch.setSource(0, ipv4(0x0a140001));
    assert.equal(
      slotOf(batch, memory, 0).control,
      '1c00000000000000000000000800000000000000' + '0a140001' + '0000000000000000',
    );
  });

  it('clears control data when the slot gets another peer', () => {
    const memory = new Memory();
    const batch = new MessageBatch(1, 16, memory.addressOf);
    batch.setSource(0, ipv4(1));
    batch.setPeer(0, ipv4(1), 1);
    assert.equal(slotOf(batch, memory, 0).control, '');
  });

  it('writes a hardware peer as a sockaddr_ll of 20 bytes', () => {
    const memory = new Memory();
    const batch = new MessageBatch(1, 16, memory.addressOf);
    batch.setPeer(0, ipv4(0xffffffff), 0xffff);
    batch.setHardwarePeer(0, 258, mac(0xfedcba987654));
    assert.equal(
      slotOf(batch, memory, 0).name,
      '1100' + '0800' + '02010000' + '0000' + '00' + '06' + 'fedcba9876540000',
    );
  });

  it('reads the length, address and port that the kernel wrote', () => {
    const memory = new Memory();
    const batch = new MessageBatch(2, 8, memory.addressOf);
    batch.prepareReceive(2);
    const headers = batch.sliceHeaders(1);
    const view = new DataView(headers.buffer, headers.byteOffset, headers.byteLength);
    assert.equal(view.getUint32(8, true), 16);
    memory.read(view.getBigUint64(0, true), 16).set([2, 0, 0, 68, 10, 20, 0, 100]);
    view.setUint32(56, 5, true);
    assert.equal(batch.receivedBytes(1), 5);
    assert.equal(batch.readSenderAddress(1), 0x0a140064);
    assert.equal(batch.readSenderPort(1), 68);
    assert.equal(batch.receivedBytes(0), 0);
  });

  it('lends bytes of which a slice is a copy: no Buffer', () => {
    const batch = new MessageBatch(1, 8, new Memory().addressOf);
    const lent = batch.payload(0);
    const kept = lent.slice(0, 1);
    lent.fill(0xdb);
    assert.deepEqual(kept, Uint8Array.of(0));
  });
});

describe('socket structures', () => {
  it('have the layout of Linux', () => {
    assert.equal(hex(encodeSocketAddress(ipv4(0x7f000001), 67)), '020000437f0000010000000000000000');
    assert.equal(hex(encodeNetlinkAddress(0x11)), '100000000000000011000000');
    assert.equal(hex(encodeDeviceName('eth1')), '6574683100');
  });

  it('encode and decode numbers', () => {
    for (const value of [0, 1, -1, 0x7fffffff, 4_194_304]) assert.equal(readInt(encodeInt(value)), value);
  });
});
