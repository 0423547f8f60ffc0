import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isHostMac, mac } from '../../../src/ground/address.ts';
import { ARP_BYTES, decodeArp, encodeArpProbe, isHostAddress } from '../../../src/net/watch/arp.ts';
import { ip } from '../../support/lab-facts.ts';

const OWN = mac(0x52540000000a);

/** A reply of 52:54:00:12:34:56 at 10.20.0.50 to 52:54:00:00:00:0a at 10.20.0.1, as it arrives: padded to Ethernet's minimum. */
const REPLY = Buffer.from(
  `0001080006040002525400123456 0a140032 52540000000a 0a140001${'00'.repeat(18)}`.replaceAll(' ', ''),
  'hex',
);

describe('ARP', () => {
  it('reads a padded reply', () => {
    assert.deepEqual(decodeArp(REPLY), {
      ok: true,
      value: { operation: 'reply', senderMac: mac(0x525400123456), sender: ip('10.20.0.50'), target: ip('10.20.0.1') },
    });
  });

  it('writes a probe that names no sender address and no target hardware (RFC 5227 §2.1)', () => {
    const probe = encodeArpProbe(OWN, ip('10.20.0.100'));
    assert.equal(Buffer.from(probe).toString('hex'), '000108000604000152540000000a000000000000000000000a140064');
    assert.deepEqual(decodeArp(probe), {
      ok: true,
      value: { operation: 'request', senderMac: OWN, sender: 0, target: ip('10.20.0.100') },
    });
  });

  it('finds a packet truncated anywhere', () => {
    for (let length = 0; length < ARP_BYTES; length += 1) {
      const result = decodeArp(REPLY.subarray(0, length));
      assert.deepEqual(result, { ok: false, fault: { code: 'truncated', offset: length, field: 'arp' } });
    }
  });

  for (const [field, at, value] of [
    ['hardware', 1, 6],
    ['protocol', 3, 6],
    ['lengths', 4, 8],
    ['lengths', 5, 16],
    ['operation', 7, 3],
    ['operation', 7, 0],
  ] as const) {
    it(`rejects any other ${field}: byte ${at} is ${value}`, () => {
      const bytes = Buffer.from(REPLY);
      bytes[at] = value;
      const result = decodeArp(bytes);
      assert.equal(result.ok ? '' : result.fault.field, field);
    });
  }

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const result = decodeArp(bytes);
        assert.ok(!result.ok || bytes.length >= ARP_BYTES);
      }),
    );
  });

  it('recognises addresses that a host may have', () => {
    for (const [text, may] of [
      ['10.20.0.1', true],
      ['223.255.255.255', true],
      ['0.0.0.0', false],
      ['0.1.2.3', false],
      ['127.0.0.1', false],
      ['224.0.0.1', false],
      ['255.255.255.255', false],
    ] as const) {
      assert.equal(isHostAddress(ip(text)), may, text);
    }
    for (const [number, may] of [
      [0x525400123456, true],
      [0x0a0000000001, true],
      [0, false],
      [0xffffffffffff, false],
      [0x333300000001, false],
      [0x01005e000001, false],
    ] as const) {
      assert.equal(isHostMac(mac(number)), may, number.toString(16));
    }
  });
});
