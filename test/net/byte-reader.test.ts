import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ByteReader, type Decoded, type WireFaultCode } from '../../src/net/byte-reader.ts';

const BYTES = Uint8Array.of(1, 0xff, 0xfe, 0x80, 0, 0, 1, 0x61, 0x62, 0, 0x63);

interface Everything {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly text: string;
  readonly last: string;
}

function readEverything(bytes: Uint8Array): Decoded<Everything> {
  const reader = new ByteReader(bytes);
  const value = {
    a: reader.u8('a'),
    b: reader.u16('b'),
    c: reader.u32('c'),
    text: reader.zeroTerminated('text'),
    last: reader.latin1(1, 'last'),
  };
  return reader.done(value);
}

describe('a byte reader', () => {
  it('reads numbers most significant byte first, and text', () => {
    assert.deepEqual(readEverything(BYTES), {
      ok: true,
      value: { a: 1, b: 0xfffe, c: 0x80000001, text: 'ab', last: 'c' },
    });
  });

  it('reports the field and offset of the first fault, wherever the bytes are truncated', () => {
    const fields = ['a', 'b', 'b', 'c', 'c', 'c', 'c', 'text', 'text', 'text', 'last'];
    const starts = [0, 1, 1, 3, 3, 3, 3, 7, 7, 7, 10];
    for (let length = 0; length < BYTES.length; length += 1) {
      const result = readEverything(BYTES.subarray(0, length));
      const fault = { code: 'truncated', offset: starts[length], field: fields[length] };
      assert.deepEqual(result, { ok: false, fault }, `cut at ${length}`);
    }
  });

  it('leaves trailing bytes unread', () => {
    const reader = new ByteReader(Uint8Array.of(7, 8, 9));
    assert.equal(reader.u8('first'), 7);
    assert.equal(reader.offset, 1);
    assert.equal(reader.remaining, 2);
    assert.equal(reader.fault, undefined);
  });

  it('reads nothing outside its window', () => {
    const reader = new ByteReader(BYTES, 2, 4);
    assert.equal(reader.u16('inside'), 0xfe80);
    assert.equal(reader.u8('outside'), 0);
    assert.deepEqual(reader.fault, { code: 'truncated', offset: 4, field: 'outside' });
  });

  it('finds no end of text beyond its window', () => {
    const reader = new ByteReader(Uint8Array.of(0x61, 0x62, 0), 0, 2);
    assert.equal(reader.zeroTerminated('text'), '');
    assert.equal(reader.fault?.field, 'text');
  });

  it('reads zero and nothing after a fault, and keeps the first fault', () => {
    const reader = new ByteReader(BYTES);
    reader.fail('bad-value', 'mine');
    reader.fail('loop', 'later');
    assert.equal(reader.u8('x') + reader.u16('x') + reader.u32('x'), 0);
    assert.equal(reader.borrow(1, 'x').length, 0);
    assert.equal(reader.latin1(1, 'x') + reader.zeroTerminated('x'), '');
    reader.skip(1, 'x');
    reader.seek(5, 'x');
    assert.equal(reader.offset, 0);
    assert.deepEqual(reader.done('value'), { ok: false, fault: { code: 'bad-value', offset: 0, field: 'mine' } });
  });

  const outside: readonly (readonly [string, (reader: ByteReader) => void])[] = [
    ['a negative count', (reader) => reader.skip(-1, 'field')],
    ['a count beyond the end', (reader) => reader.skip(12, 'field')],
    ['a negative view', (reader) => reader.borrow(-1, 'field')],
    ['a seek beyond the end', (reader) => reader.seek(12, 'field')],
    ['a seek before the start', (reader) => reader.seek(-1, 'field')],
  ];
  for (const [name, act] of outside) {
    it(`takes ${name} as a fault`, () => {
      const reader = new ByteReader(BYTES);
      act(reader);
      assert.equal(reader.fault?.field, 'field');
    });
  }

  it('seeks to the end, where nothing is left', () => {
    const reader = new ByteReader(BYTES);
    reader.seek(BYTES.length, 'end');
    assert.equal(reader.remaining, 0);
    assert.equal(reader.fault, undefined);
  });

  it('stays within the bytes, whatever is read', () => {
    const step = fc.oneof(
      fc.tuple(fc.constantFrom('borrow', 'copy', 'skip', 'seek', 'latin1' as const), fc.integer({ min: -3, max: 40 })),
      fc.tuple(fc.constantFrom('u8', 'u16', 'u32', 'zeroTerminated' as const), fc.constant(0)),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), fc.array(step, { maxLength: 20 }), (bytes, steps) => {
        const reader = new ByteReader(bytes);
        for (const [what, count] of steps) {
          if (what === 'u8' || what === 'u16' || what === 'u32' || what === 'zeroTerminated') reader[what]('field');
          else reader[what](count, 'field');
          assert.ok(reader.offset >= 0 && reader.offset <= bytes.length);
          assert.ok(reader.remaining >= 0);
        }
      }),
    );
  });

  it('gives each kind of fault its code', () => {
    const codes: readonly WireFaultCode[] = ['truncated', 'bad-length', 'bad-value', 'loop', 'too-long'];
    for (const code of codes) {
      const reader = new ByteReader(BYTES);
      reader.fail(code, 'field', 9);
      assert.deepEqual(reader.fault, { code, offset: 9, field: 'field' });
    }
  });
});
