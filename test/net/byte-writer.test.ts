import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ByteReader } from '../../src/net/byte-reader.ts';
import { ByteWriter } from '../../src/net/byte-writer.ts';

describe('a byte writer', () => {
  it('writes numbers most significant byte first, bytes, zeros and text', () => {
    const writer = new ByteWriter(16);
    writer.u8(0x01);
    writer.u16(0xfffe);
    writer.u32(0x80000001);
    writer.write(Uint8Array.of(7, 8));
    writer.zeros(2);
    writer.latin1('aÿ');
    assert.deepEqual([...writer.finish()], [1, 0xff, 0xfe, 0x80, 0, 0, 1, 7, 8, 0, 0, 0x61, 0xff]);
    assert.equal(writer.overflow, false);
  });

  it('writes no part of a value that does not fit, nor anything after it', () => {
    const writer = new ByteWriter(3);
    writer.u16(0x0102);
    writer.u16(0x0304);
    writer.u8(5);
    assert.equal(writer.overflow, true);
    assert.deepEqual([...writer.finish()], [1, 2]);
  });

  it('rewinds to an offset, and forgets an overflow after it', () => {
    const writer = new ByteWriter(4);
    writer.u8(1);
    const mark = writer.offset;
    writer.u16(0xffff);
    writer.u32(0);
    writer.rewind(mark);
    assert.equal(writer.overflow, false);
    writer.zeros(2);
    writer.u8(9);
    assert.deepEqual([...writer.finish()], [1, 0, 0, 9]);
  });

  it('overwrites two bytes written earlier', () => {
    const writer = new ByteWriter(4);
    writer.u32(0);
    writer.patchU16(1, 0xabcd);
    assert.deepEqual([...writer.finish()], [0, 0xab, 0xcd, 0]);
  });

  it('writes what a reader reads back', () => {
    const item = fc.oneof(
      fc.record({ kind: fc.constant('u8' as const), value: fc.nat(0xff) }),
      fc.record({ kind: fc.constant('u16' as const), value: fc.nat(0xffff) }),
      fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0xffffffff) }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 20 }), (items) => {
        const writer = new ByteWriter(80);
        for (const { kind, value } of items) writer[kind](value);
        const reader = new ByteReader(writer.finish());
        for (const { kind, value } of items) assert.equal(reader[kind]('value'), value);
        assert.equal(reader.remaining, 0);
        assert.equal(reader.fault, undefined);
      }),
    );
  });

  it('never writes past its capacity', () => {
    const sizes = fc.array(fc.nat(12), { maxLength: 12 });
    fc.assert(
      fc.property(fc.nat(40), sizes, (capacity, lengths) => {
        const writer = new ByteWriter(capacity);
        let expected = 0;
        let fits = true;
        for (const length of lengths) {
          writer.write(new Uint8Array(length).fill(0xee));
          fits = fits && expected + length <= capacity;
          if (fits) expected += length;
          assert.equal(writer.overflow, !fits);
        }
        assert.equal(writer.finish().length, expected);
      }),
    );
  });
});
