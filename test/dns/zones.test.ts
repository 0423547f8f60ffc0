import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { generatedLabel, parseGeneratedLabel, parseReverseName, reverseName } from '../../src/dns/reverse-name.ts';
import { Zones } from '../../src/dns/zones.ts';
import { formatIpv4, ipv4 } from '../../src/ground/address.ts';
import { ip } from '../support/lab-facts.ts';
import { line, net, SITE } from './fixture.ts';

describe('names of addresses', () => {
  it('every address has a reverse name and a generated label that parse back to it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        const address = ipv4(value);
        assert.deepEqual(parseReverseName(reverseName(address)), { address, octets: 4 });
        assert.equal(parseGeneratedLabel(generatedLabel(address)), address);
      }),
    );
  });

  const cases: readonly [string, string | undefined, number][] = [
    ['10.0.20.10.in-addr.arpa', '10.20.0.10', 4],
    ['0.20.10.in-addr.arpa', '10.20.0.0', 3],
    ['10.in-addr.arpa', '10.0.0.0', 1],
    ['in-addr.arpa', undefined, 0],
    ['.in-addr.arpa', undefined, 0],
    ['010.0.20.10.in-addr.arpa', undefined, 0],
    ['00.in-addr.arpa', undefined, 0],
    ['256.in-addr.arpa', undefined, 0],
    ['1000.in-addr.arpa', undefined, 0],
    ['5.10.0.20.10.in-addr.arpa', undefined, 0],
    ['a.10.in-addr.arpa', undefined, 0],
    ['10..20.in-addr.arpa', undefined, 0],
  ];
  for (const [name, address, octets] of cases) {
    it(`${name} is ${address === undefined ? 'no address' : `${address}, ${octets} octets`}`, () => {
      const parsed = parseReverseName(name);
      assert.equal(parsed === undefined ? undefined : formatIpv4(parsed.address), address);
      assert.equal(parsed?.octets ?? 0, octets);
    });
  }

  for (const label of ['10-20-0', '10-20-0-256', '10-20-0-01', '10.20.0.1', 'a-b-c-d', '']) {
    it(`'${label}' is not a generated label`, () => assert.equal(parseGeneratedLabel(label), undefined));
  }
});

describe('reverse zones', () => {
  const cases: readonly [string, readonly string[], readonly string[]][] = [
    ['a /24 is one zone', ['10.20.0.0/24'], ['0.20.10.in-addr.arpa']],
    ['a /16 is one zone', ['10.20.0.0/16'], ['20.10.in-addr.arpa']],
    ['a /8 is one zone', ['10.0.0.0/8'], ['10.in-addr.arpa']],
    ['a /22 is four zones', ['10.20.4.0/22'], [4, 5, 6, 7].map((octet) => `${octet}.20.10.in-addr.arpa`)],
    ['a /15 is two zones', ['10.20.0.0/15'], ['20.10.in-addr.arpa', '21.10.in-addr.arpa']],
    ['two halves of a /24 share a zone', ['10.20.0.0/25', '10.20.0.128/25'], ['0.20.10.in-addr.arpa']],
  ];
  for (const [name, networks, expected] of cases) {
    it(name, () => {
      const zones = new Zones({ ...SITE, domains: [], reverseNetworks: networks.map(net) });
      const found = new Set<string | undefined>();
      for (const { address, prefix } of networks.map(net))
        for (let offset = 0; offset < 2 ** (32 - prefix); offset += 64)
          found.add(zones.find(reverseName(ipv4(address + offset)))?.apex);
      assert.deepEqual([...found], expected);
    });
  }

  it('only the covered names of a network longer than 24 bits are ours', () => {
    const zones = new Zones({ ...SITE, reverseNetworks: [net('10.20.0.64/26')] });
    assert.equal(zones.find('64.0.20.10.in-addr.arpa')?.apex, '0.20.10.in-addr.arpa');
    assert.equal(zones.find('127.0.20.10.in-addr.arpa')?.apex, '0.20.10.in-addr.arpa');
    assert.equal(zones.find('0.20.10.in-addr.arpa')?.apex, '0.20.10.in-addr.arpa');
    assert.equal(zones.find('63.0.20.10.in-addr.arpa'), undefined);
    assert.equal(zones.find('128.0.20.10.in-addr.arpa'), undefined);
    assert.equal(zones.find('x.64.0.20.10.in-addr.arpa'), undefined);
  });

  it('a whole network together with a part of it makes the zone whole', () => {
    for (const networks of [
      ['10.20.0.64/26', '10.20.0.0/24'],
      ['10.20.0.0/24', '10.20.0.64/26'],
    ]) {
      const zones = new Zones({ ...SITE, reverseNetworks: networks.map(net) });
      assert.equal(zones.find('1.0.20.10.in-addr.arpa')?.apex, '0.20.10.in-addr.arpa');
    }
  });

  it('every address of a network is in one of its zones; the neighbours are not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 32 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (value, prefix, share) => {
          const size = 2 ** (32 - prefix);
          const first = Math.floor(value / size) * size;
          const zones = new Zones({ ...SITE, reverseNetworks: [{ address: ipv4(first), prefix }] });
          const inside = Math.min(first + Math.floor(share * size), first + size - 1);
          assert.ok(zones.find(reverseName(ipv4(inside))) !== undefined);
          if (first > 0) assert.equal(zones.find(reverseName(ipv4(first - 1))), undefined);
          if (first + size <= 0xffffffff) assert.equal(zones.find(reverseName(ipv4(first + size))), undefined);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('forward zones', () => {
  const zones = new Zones({ ...SITE, domains: ['maas', 'sub.maas', 'lab.example'] });

  it('a name belongs to the nearest zone', () => {
    assert.equal(zones.find('a.b.sub.maas')?.apex, 'sub.maas');
    assert.equal(zones.find('a.maas')?.apex, 'maas');
    assert.equal(zones.find('maas')?.apex, 'maas');
    assert.equal(zones.find('example'), undefined);
    assert.equal(zones.find('amaas'), undefined);
    assert.equal(zones.find('a\\.maas'), undefined);
    assert.equal(zones.find(''), undefined);
  });

  it('the SOA names the rack and has the given serial', () => {
    const zone = zones.find('maas');
    assert.ok(zone !== undefined);
    assert.equal(line(zones.soa(zone, 7)), 'maas 30 SOA rack-1.maas. nobody.maas. 7 600 1800 604800 30');
    assert.equal(zones.soa(zone, 7), zones.soa(zone, 7));
    assert.match(line(zones.soa(zone, 8)), / 8 600 /);
  });

  it('a reverse zone’s name server is the rack under its name in the first domain', () => {
    const zone = zones.find('0.20.10.in-addr.arpa');
    assert.ok(zone !== undefined);
    assert.match(line(zones.soa(zone, 1)), /SOA rack-1\.maas\. nobody\.maas\./);
    assert.equal(line(zone.nameServer), '0.20.10.in-addr.arpa 30 NS rack-1.maas.');
  });

  it('a dynamic range has generated names only in its domain', () => {
    assert.equal(zones.generatedAddress('10-20-0-150.maas'), ip('10.20.0.150'));
    assert.equal(zones.generatedAddress('10-20-0-150.lab.example'), undefined);
    assert.equal(zones.generatedAddress('10-20-0-50.maas'), undefined);
    assert.equal(zones.generatedName(ip('10.20.0.100')), '10-20-0-100.maas');
    assert.equal(zones.generatedName(ip('10.20.0.99')), undefined);
  });
});
