import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameReader, frame } from '../../src/dns/stream.ts';

function drain(reader: FrameReader): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
  return messages;
}

describe('messages in a stream', () => {
  it('RFC 7766 §8: messages come out as they went in, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 50 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(frame));
          const reader = new FrameReader(4096);
          const out: Uint8Array[] = [];
          for (let at = 0, index = 0; at < stream.length; index += 1) {
            const size = cuts[index % cuts.length] ?? 1;
            reader.feed(stream.subarray(at, at + size));
            out.push(...drain(reader));
            at += size;
          }
          assert.deepEqual(
            out.map((message) => Buffer.from(message)),
            messages.map((message) => Buffer.from(message)),
          );
        },
      ),
    );
  });

  it('a length above the bound is known from its two octets', () => {
    const reader = new FrameReader(4096);
    reader.feed(Uint8Array.of(0x10, 0x01));
    assert.equal(reader.next(), undefined);
    assert.ok(reader.overlong);
    const fine = new FrameReader(4096);
    fine.feed(Uint8Array.of(0x10, 0x00));
    assert.equal(fine.next(), undefined);
    assert.ok(!fine.overlong);
  });

  it('what comes out shares no memory with what went in', () => {
    const reader = new FrameReader(4096);
    const chunk = Buffer.from(frame(Uint8Array.of(1, 2, 3)));
    reader.feed(chunk);
    const message = reader.next();
    chunk.fill(0xdb);
    assert.deepEqual(message, Uint8Array.of(1, 2, 3));
  });

  it('half a length says nothing yet', () => {
    const reader = new FrameReader(10);
    reader.feed(Uint8Array.of(0xff));
    assert.ok(!reader.overlong);
    assert.equal(reader.next(), undefined);
  });
});
