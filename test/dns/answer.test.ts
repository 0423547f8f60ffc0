// Conformance of authoritative answers, by RFC section.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, type AnswerFacts, answerQuery } from '../../src/dns/answer.ts';
import type { ConfiguredRecord } from '../../src/dns/config.ts';
import { LocalZones } from '../../src/dns/local-zones.ts';
import { decodeQuery, RCODE } from '../../src/dns/message.ts';
import { Names } from '../../src/dns/names.ts';
import { TYPE } from '../../src/dns/record.ts';
import { Zones } from '../../src/dns/zones.ts';
import { ip } from '../support/lab-facts.ts';
import { line, lines, net, type QueryParts, queryBytes, SITE } from './fixture.ts';

const RECORDS: readonly ConfiguredRecord[] = [
  { name: 'www.maas', type: 'CNAME', data: 'node1.maas' },
  { name: 'deep.maas', type: 'CNAME', data: 'www.maas' },
  { name: 'gone.maas', type: 'CNAME', data: 'nobody-there.maas' },
  { name: 'out.maas', type: 'CNAME', data: 'www.example.com' },
  { name: '*.round.maas', type: 'CNAME', data: 'x.round.maas' },
  { name: 'here.maas', type: 'CNAME', data: 'localhost' },
  { name: 'maas', type: 'MX', data: '10 mail.maas' },
  { name: 'mail.maas', type: 'A', data: '10.20.0.20' },
  { name: '_sip._udp.maas', type: 'SRV', data: '0 5 5060 mail.maas' },
  { name: 'child.maas', type: 'NS', data: 'ns.child.maas' },
  { name: 'ns.child.maas', type: 'A', data: '10.20.0.30' },
  { name: 'override.example.com', type: 'A', data: '10.20.0.40' },
];

function site(): AnswerFacts {
  const names = new Names({ serial: 41 });
  names.setRack(SITE.selfName, SITE.domains, SITE.selfAddresses);
  names.setRecords(RECORDS);
  names.setMachines([{ fqdn: 'node1.maas', address: ip('10.20.0.10') }]);
  names.leaseBound(1 as Parameters<Names['leaseBound']>[0], ip('10.20.0.101'), 'laptop', 'maas');
  return { zones: new Zones(SITE), localZones: new LocalZones(), names, clients: SITE.clients };
}

const FACTS = site();

function ask(name: string, type: number, parts: QueryParts = {}, client = '10.20.0.50', facts = FACTS): Answer {
  const query = decodeQuery(queryBytes(name, type, parts));
  assert.ok(query.ok);
  return answerQuery(query.value, ip(client), facts);
}

/** The answer in lines: `rcode [aa]`, then `an`, `au` and `ad` lines; or the name to forward. */
function said(answer: Answer): string[] {
  if (answer.kind === 'forward') return [`forward ${answer.name}`, ...lines(answer.chain).map((text) => `an ${text}`)];
  const { reply } = answer;
  const rcode = Object.entries(RCODE).find(([, value]) => value === reply.rcode)?.[0];
  return [
    `${rcode}${reply.authoritative ? ' aa' : ''}`,
    ...lines(reply.answers).map((text) => `an ${text}`),
    ...lines(reply.authority).map((text) => `au ${text}`),
    ...lines(reply.additional).map((text) => `ad ${text}`),
  ];
}

const SOA = 'maas 30 SOA rack-1.maas. nobody.maas. 42 600 1800 604800 30';
const REVERSE_SOA = '0.20.10.in-addr.arpa 30 SOA rack-1.maas. nobody.maas. 42 600 1800 604800 30';
/** The SOA of a zone that ends here. */
const emptySoa = (zone: string, serial = 42): string =>
  `${zone === '' ? '.' : zone} 30 SOA ${zone}. nobody.invalid. ${serial} 600 1800 604800 30`;

describe('authoritative answers', () => {
  const cases: readonly [string, string, number, readonly string[]][] = [
    [
      'RFC 1034 §4.3.2 step 3a: a record of the name',
      'node1.maas',
      TYPE.A,
      ['NOERROR aa', 'an node1.maas 30 A 10.20.0.10'],
    ],
    ['a lease has its name', 'laptop.maas', TYPE.A, ['NOERROR aa', 'an laptop.maas 30 A 10.20.0.101']],
    [
      'RFC 2308 §2.2: a type the name lacks is NODATA with the SOA',
      'node1.maas',
      TYPE.AAAA,
      ['NOERROR aa', `au ${SOA}`],
    ],
    [
      'RFC 2308 §2.1: a name that does not exist is NXDOMAIN with the SOA',
      'x.maas',
      TYPE.A,
      ['NXDOMAIN aa', `au ${SOA}`],
    ],
    ['RFC 8020 §2: nothing exists below a name that does not exist', 'a.x.maas', TYPE.A, ['NXDOMAIN aa', `au ${SOA}`]],
    ['RFC 8020 §2: a name with names below it exists', '_udp.maas', TYPE.A, ['NOERROR aa', `au ${SOA}`]],
    ['RFC 1035 §3.3.13: the apex has the SOA', 'maas', TYPE.SOA, ['NOERROR aa', `an ${SOA}`]],
    [
      'RFC 1034 §4.2.1: the apex has the name server, with its address as additional record',
      'maas',
      TYPE.NS,
      ['NOERROR aa', 'an maas 30 NS rack-1.maas.', 'ad rack-1.maas 30 A 10.20.0.1'],
    ],
    ['the apex has the rack’s address', 'maas', TYPE.A, ['NOERROR aa', 'an maas 30 A 10.20.0.1']],
    ['the rack has its name', 'rack-1.maas', TYPE.A, ['NOERROR aa', 'an rack-1.maas 30 A 10.20.0.1']],
    [
      'RFC 1035 §3.3.9: the address of a mail exchange is an additional record',
      'maas',
      TYPE.MX,
      ['NOERROR aa', 'an maas 30 MX 10 mail.maas.', 'ad mail.maas 30 A 10.20.0.20'],
    ],
    [
      'RFC 2782: the address of a service’s host is an additional record',
      '_sip._udp.maas',
      TYPE.SRV,
      ['NOERROR aa', 'an _sip._udp.maas 30 SRV 0 5 5060 mail.maas.', 'ad mail.maas 30 A 10.20.0.20'],
    ],
    [
      'RFC 1034 §4.3.2 step 3a: an alias is followed within our zones',
      'deep.maas',
      TYPE.A,
      [
        'NOERROR aa',
        'an deep.maas 30 CNAME www.maas.',
        'an www.maas 30 CNAME node1.maas.',
        'an node1.maas 30 A 10.20.0.10',
      ],
    ],
    [
      'RFC 1034 §3.6.2: a question for the CNAME itself does not follow it',
      'deep.maas',
      TYPE.CNAME,
      ['NOERROR aa', 'an deep.maas 30 CNAME www.maas.'],
    ],
    [
      'RFC 2308 §2.2.1: an alias whose target lacks the type is NODATA',
      'www.maas',
      TYPE.TXT,
      ['NOERROR aa', 'an www.maas 30 CNAME node1.maas.', `au ${SOA}`],
    ],
    [
      'RFC 6604 §3: an alias to nothing is NXDOMAIN',
      'gone.maas',
      TYPE.A,
      ['NXDOMAIN aa', 'an gone.maas 30 CNAME nobody-there.maas.', `au ${SOA}`],
    ],
    [
      'an alias that leaves our zones is followed upstream',
      'out.maas',
      TYPE.A,
      ['forward www.example.com', 'an out.maas 30 CNAME www.example.com.'],
    ],
    ['a wildcard alias in a loop is SERVFAIL', 'a.round.maas', TYPE.A, ['SERVFAIL']],
    [
      'an alias may lead to localhost',
      'here.maas',
      TYPE.A,
      ['NOERROR aa', 'an here.maas 30 CNAME localhost.', 'an localhost 30 A 127.0.0.1'],
    ],
    [
      'RFC 8482 §4.1: ANY gets one record set of the name',
      'mail.maas',
      TYPE.ANY,
      ['NOERROR aa', 'an mail.maas 30 A 10.20.0.20'],
    ],
    ['RFC 8482 §4.1: ANY at the apex gets the SOA', 'maas', TYPE.ANY, ['NOERROR aa', `an ${SOA}`]],
    ['ANY of a name that does not exist is NXDOMAIN', 'x.maas', TYPE.ANY, ['NXDOMAIN aa', `au ${SOA}`]],
    [
      'RFC 1034 §4.3.2 step 3b: a question for a delegated part gets a referral, with glue',
      'host.child.maas',
      TYPE.A,
      ['NOERROR', 'au child.maas 30 NS ns.child.maas.', 'ad ns.child.maas 30 A 10.20.0.30'],
    ],
    [
      'a reverse look-up of a machine’s address returns its name',
      '10.0.20.10.in-addr.arpa',
      TYPE.PTR,
      ['NOERROR aa', 'an 10.0.20.10.in-addr.arpa 30 PTR node1.maas.'],
    ],
    [
      'a reverse look-up of a leased address returns the lease’s name',
      '101.0.20.10.in-addr.arpa',
      TYPE.PTR,
      ['NOERROR aa', 'an 101.0.20.10.in-addr.arpa 30 PTR laptop.maas.'],
    ],
    [
      'a reverse look-up of an unnamed dynamic address returns its generated name',
      '150.0.20.10.in-addr.arpa',
      TYPE.PTR,
      ['NOERROR aa', 'an 150.0.20.10.in-addr.arpa 30 PTR 10-20-0-150.maas.'],
    ],
    [
      'a generated name has its address',
      '10-20-0-150.maas',
      TYPE.A,
      ['NOERROR aa', 'an 10-20-0-150.maas 30 A 10.20.0.150'],
    ],
    [
      'a generated name keeps its address while a lease has another name for it',
      '10-20-0-101.maas',
      TYPE.A,
      ['NOERROR aa', 'an 10-20-0-101.maas 30 A 10.20.0.101'],
    ],
    ['a generated name has no other type', '10-20-0-150.maas', TYPE.AAAA, ['NOERROR aa', `au ${SOA}`]],
    [
      'an address outside the dynamic range has no generated name',
      '10-20-0-50.maas',
      TYPE.A,
      ['NXDOMAIN aa', `au ${SOA}`],
    ],
    [
      'an unused address is NXDOMAIN in the reverse zone',
      '50.0.20.10.in-addr.arpa',
      TYPE.PTR,
      ['NXDOMAIN aa', `au ${REVERSE_SOA}`],
    ],
    ['the reverse zone has its SOA', '0.20.10.in-addr.arpa', TYPE.SOA, ['NOERROR aa', `an ${REVERSE_SOA}`]],
    [
      'the second domain is a zone of its own',
      'rack-1.lab.example',
      TYPE.A,
      ['NOERROR aa', 'an rack-1.lab.example 30 A 10.20.0.1'],
    ],
    ['a name in none of our zones is forwarded', 'www.example.com', TYPE.A, ['forward www.example.com']],
    ['the root is forwarded', '.', TYPE.NS, ['forward ']],
    [
      'a configured name outside our zones is answered for the types it has',
      'override.example.com',
      TYPE.A,
      ['NOERROR aa', 'an override.example.com 30 A 10.20.0.40'],
    ],
    ['its AAAA is NODATA, not forwarded', 'override.example.com', TYPE.AAAA, ['NOERROR aa']],
    [
      'a reverse look-up outside the managed networks is forwarded',
      '1.1.20.11.in-addr.arpa',
      TYPE.PTR,
      ['forward 1.1.20.11.in-addr.arpa'],
    ],
    ['RFC 6761 §6.3: localhost is 127.0.0.1', 'localhost', TYPE.A, ['NOERROR aa', 'an localhost 30 A 127.0.0.1']],
    [
      'RFC 6761 §6.3: names below localhost are loopback too',
      'a.localhost',
      TYPE.AAAA,
      ['NOERROR aa', 'an a.localhost 30 AAAA 0:0:0:0:0:0:0:1'],
    ],
    [
      'RFC 6761 §6.3: localhost has no other records',
      'localhost',
      TYPE.MX,
      ['NOERROR aa', `au ${emptySoa('localhost')}`],
    ],
    [
      'RFC 1912 §4.1: the loopback address is localhost',
      '1.0.0.127.in-addr.arpa',
      TYPE.PTR,
      ['NOERROR aa', 'an 1.0.0.127.in-addr.arpa 30 PTR localhost.'],
    ],
    [
      'a name of a loopback address has no other type',
      '1.0.0.127.in-addr.arpa',
      TYPE.MX,
      ['NOERROR aa', `au ${emptySoa('127.in-addr.arpa')}`],
    ],
    [
      'no other loopback address has a name',
      '2.0.0.127.in-addr.arpa',
      TYPE.PTR,
      ['NXDOMAIN aa', `au ${emptySoa('127.in-addr.arpa')}`],
    ],
  ];
  for (const [name, asked, type, expected] of cases) {
    it(name, () => assert.deepEqual(said(ask(asked, type)), expected));
  }

  it('the rack does not answer reverse look-ups of a machine’s address outside the managed networks', () => {
    const names = new Names({ serial: 1 });
    names.setMachines([{ fqdn: 'far.maas', address: ip('192.1.2.1') }]);
    const facts = { ...FACTS, names };
    assert.deepEqual(said(ask('1.2.1.192.in-addr.arpa', TYPE.PTR, {}, '10.20.0.50', facts)), [
      'forward 1.2.1.192.in-addr.arpa',
    ]);
    assert.deepEqual(said(ask('far.maas', TYPE.A, {}, '10.20.0.50', facts)), [
      'NOERROR aa',
      'an far.maas 30 A 192.1.2.1',
    ]);
  });

  it('a configured name outside our zones is forwarded for types it lacks', () => {
    assert.deepEqual(said(ask('override.example.com', TYPE.TXT)), ['forward override.example.com']);
  });

  it('a machine in a domain outside our zones is answered; a lease there is not', () => {
    const names = new Names({ serial: 1 });
    names.setMachines([{ fqdn: 'node1.example.org', address: ip('10.20.0.10') }]);
    names.leaseBound(1 as Parameters<Names['leaseBound']>[0], ip('10.20.0.101'), 'laptop', 'example.org');
    const facts = { ...FACTS, names };
    assert.deepEqual(said(ask('node1.example.org', TYPE.A, {}, '10.20.0.50', facts)), [
      'NOERROR aa',
      'an node1.example.org 30 A 10.20.0.10',
    ]);
    assert.deepEqual(said(ask('laptop.example.org', TYPE.A, {}, '10.20.0.50', facts)), ['forward laptop.example.org']);
  });

  it('the name of an IPv6 loopback address is localhost', () => {
    const name = `1.${'0.'.repeat(31)}ip6.arpa`;
    assert.deepEqual(said(ask(name, TYPE.PTR)), ['NOERROR aa', `an ${name} 30 PTR localhost.`]);
  });
});

describe('names that end here (RFC 6303 §3, RFC 6761 §6)', () => {
  // [sentence, a name in the zone, its zone]
  const zones: readonly (readonly [string, string, string])[] = [
    ['RFC 6303 §4.1: 10/8', '5.4.3.10.in-addr.arpa', '10.in-addr.arpa'],
    ['RFC 6303 §4.1: 172.16/12, first', '5.4.16.172.in-addr.arpa', '16.172.in-addr.arpa'],
    ['RFC 6303 §4.1: 172.16/12, last', '5.4.31.172.in-addr.arpa', '31.172.in-addr.arpa'],
    ['RFC 6303 §4.1: 192.168/16', '5.1.168.192.in-addr.arpa', '168.192.in-addr.arpa'],
    ['RFC 6303 §4.2: 0/8', '1.0.0.0.in-addr.arpa', '0.in-addr.arpa'],
    ['RFC 6303 §4.2: 169.254/16', '9.9.254.169.in-addr.arpa', '254.169.in-addr.arpa'],
    ['RFC 6303 §4.2: TEST-NET-1', '9.2.0.192.in-addr.arpa', '2.0.192.in-addr.arpa'],
    ['RFC 6303 §4.2: TEST-NET-2', '9.100.51.198.in-addr.arpa', '100.51.198.in-addr.arpa'],
    ['RFC 6303 §4.2: TEST-NET-3', '9.113.0.203.in-addr.arpa', '113.0.203.in-addr.arpa'],
    ['RFC 6303 §4.4: unique local IPv6', '1.0.d.f.ip6.arpa', 'd.f.ip6.arpa'],
    ['RFC 6303 §4.5: link-local IPv6', '1.0.b.e.f.ip6.arpa', 'b.e.f.ip6.arpa'],
    ['RFC 6303 §4.6: IPv6 of documents', '1.8.b.d.0.1.0.0.2.ip6.arpa', '8.b.d.0.1.0.0.2.ip6.arpa'],
    ['RFC 7793: 100.64/10, first', '5.4.64.100.in-addr.arpa', '64.100.in-addr.arpa'],
    ['RFC 7793: 100.64/10, last', '5.4.127.100.in-addr.arpa', '127.100.in-addr.arpa'],
    ['RFC 6761 §6.2', 'a.test', 'test'],
    ['RFC 6761 §6.4', 'a.invalid', 'invalid'],
    ['RFC 6762 §22.1', 'printer.local', 'local'],
    ['RFC 7686 §2', 'abc.onion', 'onion'],
    ['RFC 8375 §4', 'tv.home.arpa', 'home.arpa'],
    ['RFC 9476', 'x.gns.alt', 'alt'],
    ['RFC 9665', '_srp._tcp.default.service.arpa', 'default.service.arpa'],
    ["ICANN's resolution 2024.07.29.06", 'a.internal', 'internal'],
    ['a name with one label', 'printer', ''],
  ];
  for (const [document, name, zone] of zones) {
    it(`${document}: ${name} does not exist`, () => {
      for (const type of [TYPE.A, TYPE.PTR, TYPE.SRV]) {
        assert.deepEqual(said(ask(name, type)), ['NXDOMAIN aa', `au ${emptySoa(zone)}`]);
      }
    });
    if (zone === '') continue;
    it(`${document}: ${zone} has SOA and NS and nothing else (RFC 6303 §3)`, () => {
      assert.deepEqual(said(ask(zone, TYPE.SOA)), ['NOERROR aa', `an ${emptySoa(zone)}`]);
      assert.deepEqual(said(ask(zone, TYPE.NS)), ['NOERROR aa', `an ${zone} 30 NS ${zone}.`]);
      assert.deepEqual(said(ask(zone, TYPE.A)), ['NOERROR aa', `au ${emptySoa(zone)}`]);
    });
    it(`RFC 4035 §3.1.4.1: DS of ${zone} is asked of its parent`, () => {
      assert.deepEqual(said(ask(zone, 43)), [`forward ${zone}`]);
    });
  }

  it('RFC 9462 §4: every name of resolver.arpa is NODATA', () => {
    const expected = ['NOERROR aa', `au ${emptySoa('resolver.arpa')}`];
    assert.deepEqual(said(ask('_dns.resolver.arpa', 64)), expected);
    assert.deepEqual(said(ask('resolver.arpa', 64)), expected);
  });

  it('names with a meaning for everybody are forwarded', () => {
    const names = ['ipv4only.arpa', 'a.example', '5.15.172.in-addr.arpa', '5.32.172.in-addr.arpa', 'x.home.arpa.com'];
    for (const name of [...names, '1.63.100.in-addr.arpa', '1.128.100.in-addr.arpa', 'mylocal.org', 'a.lan']) {
      assert.deepEqual(said(ask(name, TYPE.A)), [`forward ${name}`]);
    }
    for (const type of [TYPE.NS, TYPE.SOA, 43, 48]) assert.deepEqual(said(ask('com', type)), ['forward com']);
  });

  it('a zone that forward_zones names, a part of one, and a name with one label are forwarded', () => {
    const domains = ['in-addr.arpa', 'corp.local', 'onion', 'intranet'];
    const localZones = new LocalZones(domains.map((domain) => ({ domain, upstream: [] })));
    const facts = { ...FACTS, localZones };
    for (const name of ['5.1.168.192.in-addr.arpa', 'dc1.corp.local', 'abc.onion', 'intranet']) {
      assert.deepEqual(said(ask(name, TYPE.A, {}, '10.20.0.50', facts)), [`forward ${name}`]);
    }
    assert.deepEqual(said(ask('printer.local', TYPE.A, {}, '10.20.0.50', facts))[0], 'NXDOMAIN aa');
    assert.deepEqual(said(ask('50.0.20.10.in-addr.arpa', TYPE.PTR, {}, '10.20.0.50', facts))[0], 'NXDOMAIN aa');
  });

  it('a zone and a record of the site come first, and its other names are in these zones', () => {
    const names = new Names({ serial: 41 });
    names.setRack('rack-1', ['lab.test'], [ip('10.20.0.1')]);
    names.setRecords([
      { name: 'nas.local', type: 'A', data: '10.20.0.40' },
      { name: 'wpad', type: 'CNAME', data: 'nas.local' },
    ]);
    names.setMachines([{ fqdn: 'far.lab.test', address: ip('192.168.7.9') }]);
    const zones = new Zones({ ...SITE, domains: ['lab.test'] });
    const facts = { ...FACTS, zones, names };
    const cases: readonly (readonly [string, number, readonly string[]])[] = [
      ['rack-1.lab.test', TYPE.A, ['NOERROR aa', 'an rack-1.lab.test 30 A 10.20.0.1']],
      ['x.lab.test', TYPE.A, ['NXDOMAIN aa', `au ${line(zones.soa(zones.find('lab.test') ?? assert.fail(), 42))}`]],
      ['nas.local', TYPE.A, ['NOERROR aa', 'an nas.local 30 A 10.20.0.40']],
      ['nas.local', TYPE.TXT, ['NOERROR aa', `au ${emptySoa('local', names.serial)}`]],
      ['wpad', TYPE.A, ['NOERROR aa', 'an wpad 30 CNAME nas.local.', 'an nas.local 30 A 10.20.0.40']],
      ['9.7.168.192.in-addr.arpa', TYPE.PTR, ['NOERROR aa', 'an 9.7.168.192.in-addr.arpa 30 PTR far.lab.test.']],
    ];
    for (const [name, type, expected] of cases) {
      assert.deepEqual(said(ask(name, type, {}, '10.20.0.50', facts)), expected);
    }
  });
});

describe('RFC 4592: wildcards', () => {
  const names = new Names({ serial: 41 });
  names.setRecords([
    { name: '*.apps.maas', type: 'A', data: '10.20.0.60' },
    { name: '*.apps.maas', type: 'TXT', data: 'any' },
    { name: 'fixed.apps.maas', type: 'A', data: '10.20.0.61' },
    { name: 'a.deep.apps.maas', type: 'A', data: '10.20.0.62' },
    { name: '*.alias.maas', type: 'CNAME', data: 'fixed.apps.maas' },
  ]);
  const facts = { ...FACTS, names };
  const cases: readonly [string, string, number, readonly string[]][] = [
    [
      '§3.3.1: a name that does not exist has the records of *',
      'x.apps.maas',
      TYPE.A,
      ['NOERROR aa', 'an x.apps.maas 30 A 10.20.0.60'],
    ],
    ['§3.3.1: however many labels it has', 'x.y.apps.maas', TYPE.TXT, ['NOERROR aa', 'an x.y.apps.maas 30 TXT "any"']],
    ['§2.2.1: an existing name has only its own records', 'fixed.apps.maas', TYPE.TXT, ['NOERROR aa', `au ${SOA}`]],
    ['§2.2.2: a name with names below it exists', 'deep.apps.maas', TYPE.A, ['NOERROR aa', `au ${SOA}`]],
    ['§3.3.1: * does not apply below another existing name', 'b.deep.apps.maas', TYPE.A, ['NXDOMAIN aa', `au ${SOA}`]],
    ['a type that * lacks is NODATA', 'x.apps.maas', TYPE.AAAA, ['NOERROR aa', `au ${SOA}`]],
    ['§2.1.1: * itself can be asked for', '*.apps.maas', TYPE.A, ['NOERROR aa', 'an *.apps.maas 30 A 10.20.0.60']],
    [
      '§4.3: a CNAME of * is followed',
      'x.alias.maas',
      TYPE.A,
      ['NOERROR aa', 'an x.alias.maas 30 CNAME fixed.apps.maas.', 'an fixed.apps.maas 30 A 10.20.0.61'],
    ],
    [
      'a generated name takes precedence over *',
      '10-20-0-150.maas',
      TYPE.A,
      ['NOERROR aa', 'an 10-20-0-150.maas 30 A 10.20.0.150'],
    ],
    ['a reverse look-up never returns *', '60.0.20.10.in-addr.arpa', TYPE.PTR, ['NXDOMAIN aa', `au ${REVERSE_SOA}`]],
  ];
  for (const [name, asked, type, expected] of cases) {
    it(name, () => assert.deepEqual(said(ask(asked, type, {}, '10.20.0.50', facts)), expected));
  }
});

describe('refusals', () => {
  it('a client outside the served networks is refused, whatever it asks', () => {
    for (const name of ['node1.maas', 'www.example.com', 'localhost']) {
      assert.deepEqual(said(ask(name, TYPE.A, {}, '192.0.2.1')), ['REFUSED']);
    }
    assert.deepEqual(said(ask('maas', TYPE.A, { edns: { version: 1 } }, '192.0.2.1')), ['REFUSED']);
  });

  it('without served networks every client is refused', () => {
    assert.deepEqual(said(ask('maas', TYPE.A, {}, '127.0.0.1', { ...FACTS, clients: [] })), ['REFUSED']);
  });

  it('a client of an additional network is served', () => {
    const facts = { ...FACTS, clients: [...SITE.clients, net('192.0.2.0/24')] };
    assert.equal(said(ask('node1.maas', TYPE.A, {}, '192.0.2.1', facts))[0], 'NOERROR aa');
  });

  const cases: readonly [string, number, QueryParts, string][] = [
    ['RFC 5936 §2.2: a transfer is refused', TYPE.AXFR, {}, 'REFUSED'],
    ['an incremental transfer is refused', TYPE.IXFR, {}, 'REFUSED'],
    ['a class other than IN is refused', TYPE.TXT, { class: 3 }, 'REFUSED'],
    ['RFC 6891 §6.1.3: an unknown EDNS version is BADVERS', TYPE.A, { edns: { version: 1 } }, 'BADVERS'],
    ['RFC 6891 §6.1.1: a question for OPT is a FORMERR', TYPE.OPT, {}, 'FORMERR'],
    ['a type of zero is a FORMERR', 0, {}, 'FORMERR'],
  ];
  for (const [name, type, parts, expected] of cases) {
    it(name, () => assert.deepEqual(said(ask('maas', type, parts)), [expected]));
  }

  it('RFC 1035 §4.1.1: without RD nothing is forwarded', () => {
    assert.deepEqual(said(ask('www.example.com', TYPE.A, { flags: 0 })), ['REFUSED']);
    assert.deepEqual(said(ask('out.maas', TYPE.A, { flags: 0 })), [
      'NOERROR aa',
      'an out.maas 30 CNAME www.example.com.',
    ]);
  });
});
