import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { mac } from '../../../src/ground/address.ts';
import {
  decodeRouterDiscovery,
  EMPTY_ADVERTISEMENT_BYTES,
  encodeEmptyAdvertisement,
  encodeLinkLocal,
  isLinkLocal,
  parseIpv6LinkLocal,
} from '../../../src/net/watch/router-discovery.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

const ASKER = hex('fe80 0000 0000 0000 3c23 b3ff fe13 70dd');
const RACK = encodeLinkLocal(mac(0x52540000000a));

/** Recomputes the checksum of a changed ICMPv6 packet. */
function summed(packet: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(packet);
  bytes.set([0, 0], 42);
  const length = bytes.length - 40;
  let sum = length + 58;
  for (let at = 8; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff);
  bytes.set([(~sum >>> 8) & 0xff, ~sum & 0xff], 42);
  return bytes;
}

/** Linux's solicitation when an interface gets carrier: to ff02::2, with its hardware address as an option. */
const SOLICITATION = summed(
  hex(
    `60000000 0010 3a ff ${Buffer.from(ASKER).toString('hex')} ff020000000000000000000000000002
     85 00 0000 00000000 0101 3e23b31370dd`,
  ),
);
/** A router with a lifetime of 1800 s and no options. */
const ADVERTISEMENT = summed(
  hex(
    `60000000 0010 3a ff ${Buffer.from(ASKER).toString('hex')} ff020000000000000000000000000001
     86 00 0000 40 00 0708 00000000 00000000`,
  ),
);

const changed = (packet: Uint8Array, at: number, ...bytes: readonly number[]): Uint8Array => {
  const copy = Uint8Array.from(packet);
  copy.set(bytes, at);
  return copy;
};

describe('router discovery', () => {
  it('reads a solicitation', () => {
    assert.deepEqual(decodeRouterDiscovery(SOLICITATION), { ok: true, value: { kind: 'solicitation', source: ASKER } });
    const nameless = summed(changed(SOLICITATION, 8, ...new Uint8Array(16)));
    assert.deepEqual(decodeRouterDiscovery(nameless), { ok: true, value: { kind: 'nameless-solicitation' } });
  });

  it('reads an advertisement', () => {
    assert.deepEqual(decodeRouterDiscovery(ADVERTISEMENT), {
      ok: true,
      value: { kind: 'advertisement' },
    });
  });

  it('answers that there is no router: only to the soliciting host, with lifetime 0 and no prefix (RFC 4861 §4.2)', () => {
    const packet = encodeEmptyAdvertisement(RACK, ASKER);
    assert.equal(packet.length, EMPTY_ADVERTISEMENT_BYTES);
    const header = '6000000000103aff';
    const addresses = 'fe80000000000000505400fffe00000a' + 'fe800000000000003c23b3fffe1370dd';
    const [before, sum, after] = [packet.slice(0, 42), packet.slice(42, 44), packet.slice(44)];
    assert.equal(Buffer.from(before).toString('hex'), `${header}${addresses}8600`);
    assert.equal(Buffer.from(after).toString('hex'), `40${'00'.repeat(11)}`);
    assert.notDeepEqual([...sum], [0, 0]);
    assert.deepEqual(summed(packet), packet, 'the checksum is right');
    assert.deepEqual(decodeRouterDiscovery(packet), { ok: true, value: { kind: 'advertisement' } });
  });

  for (const [what, packet, field] of [
    ['a hop limit below 255, so perhaps from another wire', summed(changed(SOLICITATION, 7, 254)), 'hop limit'],
    ['another version', summed(changed(SOLICITATION, 0, 0x40)), 'version'],
    ['another protocol', changed(SOLICITATION, 6, 17), 'next header'],
    ['a code', summed(changed(SOLICITATION, 41, 1)), 'code'],
    ['a wrong checksum', changed(SOLICITATION, 42, 0, 1), 'checksum'],
    ['another message', summed(changed(SOLICITATION, 40, 136)), 'type'],
    ['an empty option, which would never end', summed(changed(SOLICITATION, 49, 0)), 'option'],
    ['an option beyond the end', summed(changed(SOLICITATION, 49, 2)), 'option'],
    ['a payload beyond the end', changed(SOLICITATION, 4, 0, 17), 'payload'],
    ['a payload that is too short', changed(SOLICITATION, 4, 0, 7), 'payload length'],
    ['a router from another wire', summed(changed(ADVERTISEMENT, 8, 0x20, 0x01)), 'source'],
  ] as const) {
    it(`rejects a packet with ${what}`, () => {
      const result = decodeRouterDiscovery(packet);
      assert.equal(result.ok ? 'taken' : result.fault.field, field);
    });
  }

  it('finds a packet truncated anywhere, and treats bytes after its end as padding', () => {
    for (const packet of [SOLICITATION, ADVERTISEMENT]) {
      for (let length = 0; length < packet.length; length += 1) {
        assert.equal(decodeRouterDiscovery(packet.slice(0, length)).ok, false, `cut at ${length}`);
      }
      assert.ok(decodeRouterDiscovery(new Uint8Array([...packet, 0, 0, 0])).ok);
    }
  });

  it('never throws or hangs, whatever the bytes, even with a correct checksum', () => {
    const mutated = fc
      .tuple(
        fc.constantFrom(SOLICITATION, ADVERTISEMENT),
        fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }),
      )
      .map(([packet, changes]) => {
        const copy = new Uint8Array(61);
        copy.set(packet);
        for (const [at, value] of changes) copy[at] = value;
        return copy.slice(0, packet.length);
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 128 }), mutated, mutated.map(summed)), (bytes) => {
        decodeRouterDiscovery(bytes);
      }),
    );
  });

  it('parses link-local addresses as the system writes them', () => {
    assert.deepEqual(parseIpv6LinkLocal('fe80::3c23:b3ff:fe13:70dd'), ASKER);
    assert.deepEqual(parseIpv6LinkLocal('fe80::1'), hex('fe800000000000000000000000000001'));
    for (const text of ['::1', '2001:db8::1', 'fe80::', 'fe80::1%eth0', 'fe80::1::2', '']) {
      assert.equal(parseIpv6LinkLocal(text), undefined, text);
    }
    assert.ok(isLinkLocal(RACK) && isLinkLocal(ASKER) && !isLinkLocal(hex('ff020000000000000000000000000001')));
  });
});
