import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeSocketAnswer, encodeSocketRequest } from '../../../src/net/linux/socket-list.ts';

/** One message of an answer: type, and the rest of its bytes. */
function message(type: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + rest.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  bytes.set(rest, 16);
  return bytes;
}

/** An `inet_diag_msg` of a socket of IPv4 (family 2) or another family. */
function entry(family: number, address: number, port: number, device: number, inode: number): Uint8Array {
  const rest = new Uint8Array(72);
  const view = new DataView(rest.buffer);
  view.setUint8(0, family);
  view.setUint16(4, port);
  view.setUint32(8, address);
  view.setUint32(40, device, true);
  view.setUint32(68, inode, true);
  return message(20, rest);
}

const DONE = message(3, new Uint8Array(4));
const SOCKETS = Buffer.concat([entry(2, 0x0a140001, 67, 0, 9001), entry(2, 0, 67, 7, 9002), entry(10, 0, 67, 0, 9003)]);

describe('the list of sockets', () => {
  it('is asked for by port, in every state', () => {
    assert.equal(
      Buffer.from(encodeSocketRequest(67)).toString('hex'),
      `48000000140001030000000000000000${'02110000'}ffffffff${'0043'}${'00'.repeat(46)}`,
    );
  });

  it('has address, port, device and inode of IPv4 sockets', () => {
    const answer = decodeSocketAnswer(Buffer.concat([SOCKETS, DONE]));
    assert.deepEqual(answer, {
      ok: true,
      value: {
        sockets: [
          { address: 0x0a140001, port: 67, deviceIndex: 0, inode: 9001 },
          { address: 0, port: 67, deviceIndex: 7, inode: 9002 },
        ],
        end: 'done',
      },
    });
  });

  it('continues until it is done or refused', () => {
    const end = (bytes: Uint8Array): unknown => {
      const answer = decodeSocketAnswer(bytes);
      return answer.ok ? answer.value.end : answer.fault;
    };
    assert.equal(end(SOCKETS), undefined);
    assert.equal(end(message(2, Uint8Array.of(0xfe, 0xff, 0xff, 0xff))), 'refused');
    assert.equal(end(new Uint8Array(0)), undefined);
  });

  it('is faulty wherever a message is truncated', () => {
    for (let length = 1; length < SOCKETS.length; length += 1) {
      assert.equal(decodeSocketAnswer(SOCKETS.subarray(0, length)).ok, length % 88 === 0, `cut at ${length}`);
    }
    assert.equal(decodeSocketAnswer(message(20, new Uint8Array(71))).ok, false);
  });

  it('never throws or reads out of bounds, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => decodeSocketAnswer(bytes) !== undefined));
  });
});
