import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LEASE_CLAIMS_PER_NAME_MAX } from '../../src/dns/claims.ts';
import type { ConfiguredRecord } from '../../src/dns/config.ts';
import type { NameReport } from '../../src/dns/events.ts';
import { Names } from '../../src/dns/names.ts';
import { CNAME_CHAIN_MAX } from '../../src/dns/record.ts';
import { reverseName } from '../../src/dns/reverse-name.ts';
import { mac } from '../../src/ground/address.ts';
import { ip } from '../support/lab-facts.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { lines } from './fixture.ts';

const count = (all: Names): number => [...all.nodes()].length;

const NODE1 = { fqdn: 'node1.maas', address: ip('10.20.0.10') };
const MAC = mac(0x525400000001);
const OTHER = mac(0x525400000002);

function names(): { names: Names; reports: NameReport[] } {
  const reports: NameReport[] = [];
  return { names: new Names({ serial: 1, report: (report) => reports.push(report) }), reports };
}

/** All records of a name, without TTLs. */
function has(all: Names, name: string): string[] {
  return (all.find(name)?.sets ?? []).flatMap((set) => lines(set.records)).map((line) => line.replace(/^\S+ \d+ /, ''));
}

const pointer = (all: Names, address: string): string[] => has(all, reverseName(ip(address)));
const configured = (name: string, type: ConfiguredRecord['type'], data: string): ConfiguredRecord => ({
  name,
  type,
  data,
});

describe('the owner of a name', () => {
  it('a machine has its name, forward and reverse', () => {
    const { names: all } = names();
    all.setMachines([NODE1]);
    assert.deepEqual(has(all, 'node1.maas'), ['A 10.20.0.10']);
    assert.deepEqual(pointer(all, '10.20.0.10'), ['PTR node1.maas.']);
  });

  it('a machine with two addresses has both', () => {
    const { names: all } = names();
    all.setMachines([NODE1, { fqdn: 'Node1.MAAS.', address: ip('10.20.0.11') }]);
    assert.deepEqual(has(all, 'node1.maas'), ['A 10.20.0.10', 'A 10.20.0.11']);
    assert.deepEqual(pointer(all, '10.20.0.11'), ['PTR node1.maas.']);
  });

  it('an address claimed under two spellings of a name appears once', () => {
    const { names: all } = names();
    all.setMachines([NODE1, { ...NODE1, fqdn: 'Node1.MAAS.' }]);
    assert.deepEqual(has(all, 'node1.maas'), ['A 10.20.0.10']);
    all.setMachines([NODE1]);
    assert.deepEqual(has(all, 'node1.maas'), ['A 10.20.0.10']);
  });

  it('configuration wins over rack, machine, reservation and lease; each wins when the one before it goes', () => {
    const { names: all } = names();
    all.leaseBound(MAC, ip('10.20.0.105'), 'n', 'maas');
    all.setReservations([{ fqdn: 'n.maas', address: ip('10.20.0.104') }]);
    all.setMachines([{ fqdn: 'n.maas', address: ip('10.20.0.103') }]);
    all.setRack('n', ['maas'], [ip('10.20.0.102')]);
    all.setRecords([configured('n.maas', 'A', '10.20.0.101')]);
    const check = (last: number): void => {
      assert.deepEqual(has(all, 'n.maas'), [`A 10.20.0.${last}`]);
      assert.deepEqual(pointer(all, `10.20.0.${last}`), ['PTR n.maas.']);
      for (let other = 101; other <= 105; other += 1) {
        if (other !== last) assert.deepEqual(pointer(all, `10.20.0.${other}`), []);
      }
    };
    check(101);
    all.setRecords([]);
    check(102);
    all.setRack('other', ['maas'], []);
    check(103);
    all.setMachines([]);
    check(104);
    all.setReservations([]);
    check(105);
    all.leaseGone(ip('10.20.0.105'));
    assert.equal(count(all), 0);
  });

  it('a lease never takes another owner’s name; the conflict is reported', () => {
    const { names: all, reports } = names();
    all.setMachines([NODE1]);
    assert.equal(all.leaseBound(MAC, ip('10.20.0.100'), 'node1', 'maas'), false);
    assert.deepEqual(has(all, 'node1.maas'), ['A 10.20.0.10']);
    assert.deepEqual(pointer(all, '10.20.0.100'), []);
    assert.equal(reports.length, 1);
    assert.equal(reports[0]?.kind, 'dns.name-conflict');
    const { winner, winnerAddress, loser, ...whose } = reports[0] ?? assert.fail('no report');
    assert.deepEqual([winner, winnerAddress], ['machine', '10.20.0.10']);
    assert.deepEqual([loser, whose.mac, whose.address], ['lease', MAC, ip('10.20.0.100')]);
  });

  it('a lease of the same name at the same address is not a conflict', () => {
    const { names: all, reports } = names();
    all.setMachines([NODE1]);
    all.leaseBound(MAC, NODE1.address, 'node1', 'maas');
    assert.deepEqual(has(all, 'node1.maas'), ['A 10.20.0.10']);
    assert.deepEqual(reports, []);
  });

  it('a client’s own hostname never appears next to the operator’s name for its address', () => {
    const { names: all } = names();
    all.leaseBound(MAC, NODE1.address, 'debian', 'maas');
    assert.deepEqual(pointer(all, '10.20.0.10'), ['PTR debian.maas.']);
    all.setMachines([NODE1]);
    assert.deepEqual(has(all, 'debian.maas'), []);
    assert.deepEqual(pointer(all, '10.20.0.10'), ['PTR node1.maas.']);
    all.setMachines([]);
    assert.deepEqual(has(all, 'debian.maas'), ['A 10.20.0.10']);
  });

  it('of two clients with one name the first keeps it; the second gets it when the first is gone', () => {
    const { names: all } = names();
    all.leaseBound(MAC, ip('10.20.0.100'), 'laptop', 'maas');
    all.leaseBound(OTHER, ip('10.20.0.101'), 'laptop', 'maas');
    assert.deepEqual(has(all, 'laptop.maas'), ['A 10.20.0.100']);
    all.leaseGone(ip('10.20.0.100'));
    assert.deepEqual(has(all, 'laptop.maas'), ['A 10.20.0.101']);
    assert.deepEqual(pointer(all, '10.20.0.101'), ['PTR laptop.maas.']);
  });

  it('a roaming client’s name follows it to its newest address', () => {
    const { names: all } = names();
    all.leaseBound(MAC, ip('10.20.0.100'), 'laptop', 'maas');
    all.leaseBound(MAC, ip('10.20.0.101'), 'laptop', 'maas');
    assert.deepEqual(has(all, 'laptop.maas'), ['A 10.20.0.101']);
    assert.deepEqual(pointer(all, '10.20.0.100'), []);
  });

  it('a client that changes or drops its name loses the old one', () => {
    const { names: all } = names();
    all.leaseBound(MAC, ip('10.20.0.100'), 'one', 'maas');
    all.leaseBound(MAC, ip('10.20.0.100'), 'two', 'maas');
    assert.deepEqual([has(all, 'one.maas'), has(all, 'two.maas')], [[], ['A 10.20.0.100']]);
    assert.equal(all.leaseBound(MAC, ip('10.20.0.100'), undefined, 'maas'), true);
    assert.equal(count(all), 0);
  });

  it('an address that goes to another client loses the previous client’s name', () => {
    const { names: all } = names();
    all.leaseBound(MAC, ip('10.20.0.100'), 'one', 'maas');
    all.leaseBound(OTHER, ip('10.20.0.100'), 'two', 'maas');
    assert.deepEqual(has(all, 'one.maas'), []);
    assert.deepEqual(pointer(all, '10.20.0.100'), ['PTR two.maas.']);
  });

  it(`at most ${LEASE_CLAIMS_PER_NAME_MAX} leases wait for one name`, () => {
    const { names: all, reports } = names();
    for (let last = 0; last < 40; last += 1) all.leaseBound(mac(last), ip(`10.20.0.${last}`), 'debian', 'maas');
    assert.equal(reports.length, 39);
    for (let last = 0; last < 40; last += 1) all.leaseBound(mac(last), ip(`10.20.0.${last}`), 'debian', 'maas');
    assert.equal(reports.length, 39, 'each is reported once');
    for (let last = 0; last < LEASE_CLAIMS_PER_NAME_MAX; last += 1) all.leaseGone(ip(`10.20.0.${last}`));
    assert.deepEqual(has(all, 'debian.maas'), []);
    assert.equal(all.leaseBound(mac(39), ip('10.20.0.39'), 'debian', 'maas'), true);
  });

  it('a hostname that makes the name longer than 255 octets gives no name', () => {
    const { names: all } = names();
    const domain = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(50)}`;
    assert.equal(all.leaseBound(MAC, ip('10.20.0.100'), 'x'.repeat(63), domain), false);
    assert.equal(count(all), 0);
  });

  it('the rack has its name in every domain and at every apex; reverse look-ups return the first', () => {
    const { names: all } = names();
    all.setRack('rack-1', ['maas', 'lab.example'], [ip('10.20.0.1')]);
    for (const name of ['maas', 'lab.example', 'rack-1.maas', 'rack-1.lab.example']) {
      assert.deepEqual(has(all, name), ['A 10.20.0.1']);
    }
    assert.deepEqual(pointer(all, '10.20.0.1'), ['PTR rack-1.maas.']);
  });
});

describe('configured records', () => {
  it('an additional name of a machine does not change the reverse look-up of its address', () => {
    const { names: all } = names();
    all.setRecords([configured('www.maas', 'A', '10.20.0.10')]);
    assert.deepEqual(pointer(all, '10.20.0.10'), ['PTR www.maas.']);
    all.setMachines([NODE1]);
    assert.deepEqual(has(all, 'www.maas'), ['A 10.20.0.10']);
    assert.deepEqual(pointer(all, '10.20.0.10'), ['PTR node1.maas.']);
  });

  it('a configured PTR record overrides the computed one', () => {
    const { names: all } = names();
    all.setMachines([NODE1]);
    all.setRecords([configured('10.0.20.10.in-addr.arpa', 'PTR', 'alias.maas')]);
    assert.deepEqual(pointer(all, '10.20.0.10'), ['PTR alias.maas.']);
    all.setRecords([]);
    assert.deepEqual(pointer(all, '10.20.0.10'), ['PTR node1.maas.']);
  });

  it('a TXT record for a machine is added to its address', () => {
    const { names: all } = names();
    all.setMachines([NODE1]);
    all.setRecords([configured('node1.maas', 'TXT', 'rack 3')]);
    assert.deepEqual(has(all, 'node1.maas'), ['A 10.20.0.10', 'TXT "rack 3"']);
  });

  const invalid = (reports: readonly NameReport[]) =>
    reports.filter(({ kind }) => kind === 'dns.record-invalid').map(({ name, type, reason }) => [name, type, reason]);
  const alias = (name: string, target: string) => configured(name, 'CNAME', target);

  const FAULTS: readonly (readonly [name: string, records: readonly ConfiguredRecord[], faults: readonly unknown[]])[] =
    [
      [
        'beside other records',
        [alias('a.maas', 'x.maas'), configured('a.maas', 'TXT', 'x')],
        [['a.maas', 'CNAME', 'alias-beside-others']],
      ],
      [
        'beside another CNAME',
        [alias('a.maas', 'x.maas'), alias('A.maas', 'y.maas')],
        [['A.maas', 'CNAME', 'alias-twice']],
      ],
      ['that names itself', [alias('a.maas', 'A.maas.')], [['a.maas', 'CNAME', 'alias-loop']]],
      [
        'that leads into a loop, as those of the loop',
        [alias('a.maas', 'b.maas'), alias('b.maas', 'c.maas'), alias('c.maas', 'b.maas')],
        ['a', 'b', 'c'].map((name) => [`${name}.maas`, 'CNAME', 'alias-loop']),
      ],
      [
        `that leads on through more than ${CNAME_CHAIN_MAX} others`,
        Array.from({ length: CNAME_CHAIN_MAX + 1 }, (_, index) => alias(`c${index}.maas`, `c${index + 1}.maas`)),
        [['c0.maas', 'CNAME', 'alias-loop']],
      ],
      ['at the apex of a zone', [alias('maas', 'x.example')], [['maas', 'CNAME', 'hides-host']]],
      ['at the name of the rack', [alias('rack-1.maas', 'x.example')], [['rack-1.maas', 'CNAME', 'hides-host']]],
      ['at the name of a reservation', [alias('kept.maas', 'x.example')], [['kept.maas', 'CNAME', 'hides-host']]],
      ['at the name of a machine', [alias('node1.maas', 'x.example')], [['node1.maas', 'CNAME', 'hides-host']]],
      ['at the name of a client is served', [alias('laptop.maas', 'x.example')], []],
    ];
  for (const [name, records, faults] of FAULTS)
    for (const isFirst of [true, false])
      it(`RFC 1034 §3.6.2: a CNAME ${name}${faults.length === 0 ? '' : ' is not served'}${isFirst ? '' : ', whichever came first'}`, () => {
        const { names: all, reports } = names();
        if (isFirst) all.setRecords(records);
        all.setRack('rack-1', ['maas'], [ip('10.20.0.1')]);
        all.setReservations([{ fqdn: 'kept.maas', address: ip('10.20.0.30') }]);
        all.setMachines([NODE1]);
        all.leaseBound(MAC, ip('10.20.0.100'), 'laptop', 'maas');
        if (!isFirst) all.setRecords(records);
        assert.deepEqual(invalid(reports), faults);
        const own = ['maas', 'rack-1.maas', 'kept.maas', 'node1.maas'].map((one) => has(all, one));
        assert.deepEqual(own, [['A 10.20.0.1'], ['A 10.20.0.1'], ['A 10.20.0.30'], ['A 10.20.0.10']]);
      });

  it('a CNAME is served as soon as its name is free, and its fault is reported once each time', () => {
    const { names: all, reports } = names();
    all.setMachines([NODE1]);
    all.setRecords([alias('node1.maas', 'other.maas'), configured('node1.lab', 'NS', 'ns.lab')]);
    all.setMachines([NODE1, { ...NODE1, address: ip('10.20.0.11') }]);
    assert.deepEqual(invalid(reports), [['node1.maas', 'CNAME', 'hides-host']]);
    all.setMachines([]);
    assert.deepEqual([has(all, 'node1.maas'), pointer(all, '10.20.0.10')], [['CNAME other.maas.'], []]);
    all.setMachines([NODE1, { fqdn: 'node1.lab', address: ip('10.20.0.12') }]);
    assert.deepEqual([has(all, 'node1.maas'), has(all, 'node1.lab')], [['A 10.20.0.10'], ['A 10.20.0.12']]);
    assert.deepEqual(invalid(reports).slice(1), [
      ['node1.maas', 'CNAME', 'hides-host'],
      ['node1.lab', 'NS', 'hides-host'],
    ]);
  });

  it('a record whose data does not fit its type is reported, and the others are used', () => {
    const { names: all, reports } = names();
    all.setRecords([
      configured('a.maas', 'A', 'nonsense'),
      configured('b.maas', 'A', '10.20.0.5'),
      configured('b..c', 'A', '1.2.3.4'),
    ]);
    assert.deepEqual(has(all, 'b.maas'), ['A 10.20.0.5']);
    assert.deepEqual(
      reports.map(({ name }) => name),
      ['a.maas', 'b..c'],
    );
  });

  it('a configured TTL is kept', () => {
    const { names: all } = names();
    all.setRecords([{ ...configured('b.maas', 'A', '10.20.0.5'), ttl: 7 }]);
    assert.deepEqual(lines(all.find('b.maas')?.sets[0]?.records ?? []), ['b.maas 7 A 10.20.0.5']);
  });
});

describe('a lease without other claims to its name and address', () => {
  const bound = () => {
    const { names: all, reports } = names();
    all.leaseBound(MAC, ip('10.20.0.100'), 'a', 'maas');
    return { all, reports };
  };
  const both = (all: Names): string[] => [...has(all, 'a.maas'), ...pointer(all, '10.20.0.100')];

  it('answers in both directions, and counts as two names', () => {
    const { all } = bound();
    assert.deepEqual(both(all), ['A 10.20.0.100', 'PTR a.maas.']);
    assert.deepEqual([count(all), all.hasBelow('maas')], [2, true]);
    assert.equal(all.leaseGone(ip('10.20.0.100')), true);
    assert.deepEqual([both(all), count(all), all.hasBelow('maas')], [[], 0, false]);
  });

  it('passes to another client with its records, which changes no name', () => {
    const { all } = bound();
    assert.equal(all.leaseBound(OTHER, ip('10.20.0.100'), 'a', 'maas'), false);
    assert.deepEqual(both(all), ['A 10.20.0.100', 'PTR a.maas.']);
    assert.equal(all.leaseBound(OTHER, ip('10.20.0.100'), 'b', 'maas'), true);
    assert.deepEqual([both(all), has(all, 'b.maas')], [['PTR b.maas.'], ['A 10.20.0.100']]);
  });

  for (const [what, claim, withdraw] of [
    [
      'a machine claims its name',
      (all: Names) => all.setMachines([{ fqdn: 'a.maas', address: ip('10.20.0.9') }]),
      (all: Names) => all.setMachines([]),
    ],
    [
      'a machine claims its address',
      (all: Names) => all.setMachines([{ fqdn: 'm.maas', address: ip('10.20.0.100') }]),
      (all: Names) => all.setMachines([]),
    ],
    [
      'another client claims its name',
      (all: Names) => void all.leaseBound(OTHER, ip('10.20.0.101'), 'a', 'maas'),
      (all: Names) => void all.leaseGone(ip('10.20.0.101')),
    ],
    [
      'an alias is configured under its name',
      (all: Names) => all.setRecords([configured('a.maas', 'CNAME', 'x.maas')]),
      (all: Names) => all.setRecords([]),
    ],
    [
      'a pointer is configured for its address',
      (all: Names) => all.setRecords([configured('100.0.20.10.in-addr.arpa', 'PTR', 'x.maas')]),
      (all: Names) => all.setRecords([]),
    ],
  ] as const) {
    it(`behaves like any lease when ${what}, and is restored when that ends`, () => {
      const { all } = bound();
      claim(all);
      const { names: other } = names();
      claim(other);
      other.leaseBound(MAC, ip('10.20.0.100'), 'a', 'maas');
      if (what !== 'another client claims its name') assert.deepEqual(both(all), both(other));
      withdraw(all);
      assert.deepEqual(both(all), ['A 10.20.0.100', 'PTR a.maas.']);
      all.leaseGone(ip('10.20.0.100'));
      assert.deepEqual([both(all), count(all)], [[], 0]);
    });
  }

  it('has records of a domain in the reverse tree besides its pointer', () => {
    const { all } = bound();
    all.leaseBound(OTHER, ip('10.20.0.101'), '100', '0.20.10.in-addr.arpa');
    assert.deepEqual(pointer(all, '10.20.0.100').sort(), ['A 10.20.0.101', 'PTR a.maas.']);
  });
});

describe('changes', () => {
  it('the serial grows by one a turn, however many names changed, and not without a change', async () => {
    const { names: all } = names();
    all.setMachines([NODE1]);
    all.leaseBound(MAC, ip('10.20.0.100'), 'a', 'maas');
    assert.equal(all.serial, 2);
    await nextTurn();
    all.setMachines([{ ...NODE1 }]);
    assert.equal(all.leaseBound(MAC, ip('10.20.0.100'), 'a', 'maas'), false);
    assert.equal(all.serial, 2);
    await nextTurn();
    all.leaseGone(ip('10.20.0.100'));
    assert.equal(all.serial, 3);
  });

  it('RFC 1982 §3.1: the serial wraps around and skips zero', () => {
    const all = new Names({ serial: 0xffffffff });
    all.setMachines([NODE1]);
    assert.equal(all.serial, 1);
  });

  it('unchanged nodes stay the same objects', () => {
    const { names: all } = names();
    all.setMachines([NODE1]);
    const node = all.find('node1.maas');
    all.setMachines([NODE1, { fqdn: 'node2.maas', address: ip('10.20.0.11') }]);
    assert.equal(all.find('node1.maas'), node);
  });

  it('RFC 8020 §2: a name exists while names below it do', () => {
    const { names: all } = names();
    all.setRecords([configured('_sip._udp.maas', 'SRV', '0 0 5060 a.maas'), configured('x._udp.maas', 'TXT', 'x')]);
    assert.ok(all.hasBelow('_udp.maas'));
    all.setRecords([configured('x._udp.maas', 'TXT', 'x')]);
    assert.ok(all.hasBelow('_udp.maas'));
    all.setRecords([]);
    assert.ok(!all.hasBelow('_udp.maas'));
  });
});

describe('forward and reverse agree after any sequence of claims', () => {
  const seed = (process.hrtime()[1] ^ process.pid) >>> 0;
  it(`2,000 random changes (seed ${seed})`, () => {
    const random = seededRandom(seed);
    const pick = (count: number): number => Math.floor(random() * count);
    const address = (): ReturnType<typeof ip> => ip(`10.20.0.${pick(12)}`);
    // Most leases have a name of their own, some share one.
    const label = (): string => `n${pick(random() < 0.5 ? 6 : 60)}`;
    const list = () => Array.from({ length: pick(5) }, () => ({ fqdn: `${label()}.maas`, address: address() }));
    const all = new Names({ serial: 1 });
    const steps: readonly (() => void)[] = [
      () => all.setMachines(list()),
      () => all.setReservations(list()),
      () => all.setRack(label(), ['maas'], [address()]),
      () =>
        all.setRecords(
          list().map(({ fqdn }) => configured(fqdn, random() < 0.3 ? 'CNAME' : 'A', `10.20.0.${pick(12)}`)),
        ),
      () => void all.leaseBound(mac(pick(5)), address(), random() < 0.2 ? undefined : label(), 'maas'),
      () => void all.leaseGone(address()),
    ];
    for (let step = 0; step < 2000; step += 1) {
      steps[random() < 0.6 ? 4 + pick(2) : pick(4)]?.();
      checkAgreement(all, `seed ${seed}, step ${step}`);
    }
    all.setMachines([]);
    all.setReservations([]);
    all.setRack('x', [], []);
    all.setRecords([]);
    for (let last = 0; last < 12; last += 1) all.leaseGone(ip(`10.20.0.${last}`));
    assert.equal(count(all), 0, `seed ${seed}: a name is left`);
    assert.ok(!all.hasBelow('maas'));
  });
});

function checkAgreement(all: Names, where: string): void {
  const named = new Set<string>();
  const seen = new Set<string>();
  for (const node of all.nodes()) {
    assert.ok(!seen.has(node.name), `${where}: ${node.name} is there twice`);
    seen.add(node.name);
    assert.deepEqual(all.find(node.name), node, `${where}: ${node.name}`);
    for (const text of has(all, node.name)) {
      if (text.startsWith('PTR ')) {
        const target = text.slice(4, -1);
        const back = node.name.replace('.in-addr.arpa', '').split('.').reverse().join('.');
        assert.ok(
          has(all, target).includes(`A ${back}`),
          `${where}: ${node.name} says ${target}, which is not at ${back}`,
        );
      }
      if (text.startsWith('A ') && node.name !== 'maas') named.add(text.slice(2));
    }
  }
  for (const address of named) assert.equal(pointer(all, address).length, 1, `${where}: ${address} has no name`);
}
