// The frames that a tap sends and receives.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY, BROADCAST_MAC, LIMITED_BROADCAST, macFromBytes, parseMac } from '../../../src/ground/address.ts';
import { encodeBroadcastFrame, readTappedFrame } from '../../../src/net/datagrams/frame-tap.ts';
import { computeInternetChecksum, sumWords } from '../../../src/net/raw-frame.ts';

const MAC = parseMac('52:54:00:00:00:0a') ?? BROADCAST_MAC;
const PAYLOAD = Uint8Array.of(1, 2, 3, 4, 5);

test('a broadcast frame is received as it was sent', () => {
  const frame = encodeBroadcastFrame(PAYLOAD, MAC, 67, 68);
  assert.deepEqual(readTappedFrame(frame, 68), { bytes: PAYLOAD, from: ANY, mac: MAC });
  assert.equal(macFromBytes(frame), BROADCAST_MAC);
  const view = new DataView(frame.buffer);
  assert.equal(view.getUint32(30), LIMITED_BROADCAST);
  assert.equal(computeInternetChecksum(sumWords(frame, 14, 34)), 0);
});

test('bytes after the datagram in the frame are padding', () => {
  const frame = encodeBroadcastFrame(PAYLOAD, MAC, 67, 68);
  const padded = new Uint8Array(frame.length + 20).fill(0xee);
  padded.set(frame);
  assert.deepEqual(readTappedFrame(padded, 68)?.bytes, PAYLOAD);
});

test('a frame truncated anywhere is ignored', () => {
  const frame = encodeBroadcastFrame(PAYLOAD, MAC, 67, 68);
  for (let length = 0; length < frame.length; length += 1) {
    assert.equal(readTappedFrame(frame.subarray(0, length), 68), undefined, `${length} bytes`);
  }
});

test('only whole IPv4 UDP datagrams for the port are received', () => {
  const cases: readonly (readonly [string, number, number])[] = [
    ['another Ethernet type', 13, 0x06],
    ['another version', 14, 0x65],
    ['a header that is too short', 14, 0x44],
    ['a header longer than the frame', 14, 0x4f],
    ['another protocol', 23, 6],
    ['a first fragment', 20, 0x20],
    ['a later fragment', 21, 1],
    ['another port', 37, 67],
    ['a UDP length below its header', 39, 7],
    ['a UDP length beyond the frame', 38, 1],
  ];
  for (const [name, at, value] of cases) {
    const frame = encodeBroadcastFrame(PAYLOAD, MAC, 67, 68);
    frame[at] = value;
    assert.equal(readTappedFrame(frame, 68), undefined, name);
  }
});
