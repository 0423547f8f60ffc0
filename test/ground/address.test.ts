import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  ANY,
  BROADCAST_MAC,
  computeBroadcastAddress,
  formatIpv4,
  formatMac,
  formatNetwork,
  type Ipv4,
  ipv4,
  isLoopback,
  LIMITED_BROADCAST,
  mac,
  macFromBytes,
  macToBytes,
  maskToPrefix,
  networkContains,
  networksOverlap,
  networkWithPrefix,
  parseIpv4,
  parseMac,
  parseNetwork,
  prefixToMask,
  rangeContains,
  rangeSize,
  rangesOverlap,
  withoutIpv4Mapping,
} from '../../src/ground/address.ts';

const address = (text: string): Ipv4 => parseIpv4(text) ?? assert.fail(text);
const anyAddress = fc.nat(0xffffffff).map(ipv4);
const anyMac = fc.maxSafeNat().map((value) => mac(value % 2 ** 48));

const MAPPED: readonly (readonly [string, string])[] = [
  ['::ffff:10.20.0.5', '10.20.0.5'],
  ['::FFFF:10.20.0.5', '10.20.0.5'],
  ['10.20.0.5', '10.20.0.5'],
  ['::ffff:a14:5', '::ffff:a14:5'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['::1', '::1'],
  ['', ''],
];
for (const [given, expected] of MAPPED) {
  it(`${JSON.stringify(given)} is ${JSON.stringify(expected)} without IPv4 mapping`, () => {
    assert.equal(withoutIpv4Mapping(given), expected);
  });
}

describe('an IPv4 address', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0.0.0.0', 0],
    ['255.255.255.255', 0xffffffff],
    ['10.20.0.1', 0x0a140001],
    ['128.0.0.0', 0x80000000],
    ['', undefined],
    ['10.20.0', undefined],
    ['10.20.0.1.2', undefined],
    ['10.20.0.256', undefined],
    ['010.20.0.1', undefined],
    ['10.20.0.01', undefined],
    ['0x0a.1.1.1', undefined],
    ['10.20.0.1 ', undefined],
    [' 10.20.0.1', undefined],
    ['10.20..1', undefined],
    ['-1.0.0.0', undefined],
    ['1e1.0.0.0', undefined],
    ['1.2.3.4\n', undefined],
    ['١.2.3.4', undefined],
  ];
  for (const [text, expected] of cases) {
    it(`${JSON.stringify(text)} ${expected === undefined ? 'is refused' : `is ${expected}`}`, () => {
      assert.equal(parseIpv4(text), expected);
    });
  }

  it('is the same after being written and read', () => {
    fc.assert(fc.property(anyAddress, (value) => parseIpv4(formatIpv4(value)) === value));
  });

  it('is loopback in 127.0.0.0/8 and nowhere else', () => {
    fc.assert(fc.property(anyAddress, (value) => isLoopback(value) === formatIpv4(value).startsWith('127.')));
  });
});

describe('a hardware address', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['52:54:00:12:34:56', 0x525400123456],
    ['52-54-00-12-34-56', 0x525400123456],
    ['525400123456', 0x525400123456],
    ['52:54:00:AB:cd:Ef', 0x525400abcdef],
    ['ff:ff:ff:ff:ff:ff', 0xffffffffffff],
    ['52:54:00:12:34', undefined],
    ['52:54:00:12:34:56:78', undefined],
    ['52:54-00:12-34:56', undefined],
    ['5254.0012.3456', 0x525400123456],
    ['5254.0012:3456', undefined],
    ['52.54.00.12.34.56', undefined],
    ['52:54:0:12:34:56', undefined],
    ['52:54:00:12:34:5g', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of cases) {
    it(`${JSON.stringify(text)} ${expected === undefined ? 'is refused' : 'is read'}`, () => {
      assert.equal(parseMac(text), expected);
    });
  }

  it('is the same after being written with each separator and read', () => {
    fc.assert(
      fc.property(anyMac, fc.constantFrom(':', '-', '' as const), (value, separator) => {
        return parseMac(formatMac(value, separator)) === value;
      }),
    );
  });

  it('is the same as bytes', () => {
    fc.assert(fc.property(anyMac, (value) => macFromBytes(macToBytes(value)) === value));
  });

  it('is read at an offset', () => {
    assert.equal(macFromBytes(Uint8Array.of(9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 9), 1), BROADCAST_MAC);
  });
});

describe('a network', () => {
  it('has a mask for each prefix length, and back', () => {
    for (let prefix = 0; prefix <= 32; prefix += 1) assert.equal(maskToPrefix(prefixToMask(prefix)), prefix);
  });

  it('has no prefix length when its mask has holes', () => {
    for (const mask of ['255.0.255.0', '0.0.0.1', '255.255.255.253', '0.255.255.255', '128.0.0.1']) {
      assert.equal(maskToPrefix(address(mask)), undefined, mask);
    }
  });

  const cases: readonly (readonly [string, boolean])[] = [
    ['10.20.0.0/24', true],
    ['0.0.0.0/0', true],
    ['10.20.0.1/32', true],
    ['10.20.0.1/24', false],
    ['10.20.0.0/33', false],
    ['10.20.0.0/024', false],
    ['10.20.0.0/', false],
    ['10.20.0.0', false],
    ['10.20.0/24', false],
    ['10.20.0.0/-1', false],
  ];
  for (const [text, good] of cases) {
    it(`${text} is ${good ? 'read' : 'refused'}`, () => {
      const network = parseNetwork(text);
      assert.equal(network === undefined ? undefined : formatNetwork(network), good ? text : undefined);
    });
  }

  it('ends with its broadcast address', () => {
    assert.equal(computeBroadcastAddress(networkWithPrefix(address('10.20.0.77'), 24)), address('10.20.0.255'));
    assert.equal(computeBroadcastAddress(networkWithPrefix(address('10.20.0.77'), 31)), address('10.20.0.77'));
    assert.equal(computeBroadcastAddress(networkWithPrefix(ANY, 0)), LIMITED_BROADCAST);
  });

  it('contains the addresses from its first to its broadcast address', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, fc.nat(32), (inside, other, prefix) => {
        const network = networkWithPrefix(inside, prefix);
        assert.ok(networkContains(network, inside));
        assert.ok(networkContains(network, computeBroadcastAddress(network)));
        assert.equal(
          networkContains(network, other),
          other >= network.address && other <= computeBroadcastAddress(network),
        );
      }),
    );
  });

  it('overlaps another when one contains the first address of the other', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(32), anyAddress, fc.nat(32), (a, aPrefix, b, bPrefix) => {
        const [first, second] = [networkWithPrefix(a, aPrefix), networkWithPrefix(b, bPrefix)];
        const expected = networkContains(first, second.address) || networkContains(second, first.address);
        assert.equal(networksOverlap(first, second), expected);
        assert.equal(networksOverlap(second, first), expected);
      }),
    );
  });
});

describe('a range', () => {
  const range = (low: string, high: string) => ({ low: address(low), high: address(high) });

  it('contains both its ends and counts them', () => {
    const pool = range('10.20.0.100', '10.20.0.199');
    assert.equal(rangeSize(pool), 100);
    assert.ok(rangeContains(pool, pool.low) && rangeContains(pool, pool.high));
    assert.ok(!rangeContains(pool, address('10.20.0.99')) && !rangeContains(pool, address('10.20.0.200')));
  });

  it('overlaps a range that shares an end and not one that begins after it', () => {
    const pool = range('10.20.0.100', '10.20.0.199');
    assert.ok(rangesOverlap(pool, range('10.20.0.199', '10.20.0.250')));
    assert.ok(rangesOverlap(pool, range('10.20.0.1', '10.20.1.1')));
    assert.ok(!rangesOverlap(pool, range('10.20.0.200', '10.20.0.250')));
  });
});
