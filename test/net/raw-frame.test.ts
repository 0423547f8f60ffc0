import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipv4 } from '../../src/ground/address.ts';
import { computeInternetChecksum, FRAME_HEADER_BYTES, sumWords, writeFrame } from '../../src/net/raw-frame.ts';

const PORTS = { sourcePort: 67, destinationPort: 68 };

/** A straightforward checksum: adds 16-bit words and folds the carry each time. */
function carefulSum(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

describe('a checksum', () => {
  it('is that of the example in RFC 1071 §3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    assert.equal(computeInternetChecksum(sumWords(bytes, 0, 8)), ~0xddf2 & 0xffff);
  });

  it('pads an odd byte with zero', () => {
    assert.equal(sumWords(Uint8Array.of(1, 2, 3), 0, 3), 0x0102 + 0x0300);
    assert.equal(sumWords(Uint8Array.of(9, 1, 2, 3), 1, 4), 0x0102 + 0x0300);
  });

  it('folds the carries of the longest datagram', () => {
    const bytes = new Uint8Array(65_535).fill(0xff);
    assert.equal(computeInternetChecksum(sumWords(bytes, 0, bytes.length)), ~carefulSum([...bytes]) & 0xffff);
  });
});

describe('a frame', () => {
  it('is an IPv4 packet without options around a UDP datagram', () => {
    const header = { ...PORTS, source: ipv4(0x0a140001), destination: ipv4(0x0a140064), identification: 0x1234 };
    const target = new Uint8Array(64).fill(0xaa);
    const length = writeFrame(target, header, Buffer.from('abc'));
    assert.equal(length, 31);
    assert.equal(
      Buffer.from(target.subarray(0, length)).toString('hex'),
      // IPv4: version 4, tos 0x10, length 31, DF, ttl 64, protocol 17; UDP 67 to 68, length 11.
      ['4510001f123440004011', '13fe', '0a1400010a140064', '00430044000b', '2662', '616263'].join(''),
    );
    assert.equal(target[length], 0xaa, 'nothing is written after it');
  });

  it('has checksums that a receiver verifies, for any header and payload', () => {
    const any32 = fc.nat(0xffffffff).map(ipv4);
    const any16 = fc.nat(0xffff);
    fc.assert(
      fc.property(
        any32,
        any32,
        any16,
        any16,
        any16,
        fc.uint8Array({ maxLength: 600 }),
        (source, destination, sourcePort, destinationPort, identification, payload) => {
          const target = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
          const length = writeFrame(
            target,
            { source, destination, sourcePort, destinationPort, identification },
            payload,
          );
          const bytes = [...target.subarray(0, length)];
          const udpLength = length - 20;
          assert.equal(carefulSum(bytes.slice(0, 20)) % 0xffff, 0);
          const pseudo = [...bytes.slice(12, 20), 0, 17, udpLength >> 8, udpLength & 255, ...bytes.slice(20)];
          assert.equal(carefulSum(pseudo) % 0xffff, 0);
          assert.notEqual(target[26] === 0 && target[27] === 0, true, 'a checksum of 0 would mean none');
          assert.deepEqual(bytes.slice(FRAME_HEADER_BYTES), [...payload]);
        },
      ),
    );
  });
});
