import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { formatIpv4, ipv4, parseIpv4 } from '../../../src/ground/address.ts';
import { INTERFACES_KEY, isSettings, type Settings, type SettingValue } from '../../../src/machines/settings.ts';
import { putEntry, removeEntry, renderServices } from '../../../src/region/networks/service-form.ts';
import {
  FIRST_NETWORK_ID,
  NETWORK_KINDS,
  type NetworkRecords,
  NO_RECORDS,
} from '../../../src/region/records/network-store.ts';
import { NO_ROUTER } from '../../../src/region/records/subnet-service.ts';
import { seededRandom } from '../../support/seeded-random.ts';

type Rows = { readonly id: number };

/** A store of rows in memory. */
class MemoryRows {
  records: NetworkRecords = NO_RECORDS;
  #nextId = FIRST_NETWORK_ID;

  put(rack: string, name: string, value: Settings): void {
    const rows = putEntry(this.records, { rack, name, value, changedMs: 1 }, this.#nextId);
    assert.ok(rows, 'the entry has a network');
    this.#nextId = rows.nextId;
    this.#write(rows.put, rows.remove);
  }

  remove(rack: string, name: string): void {
    const rows = removeEntry(this.records, rack, name);
    assert.ok(rows, 'there is such a service');
    this.#write(rows.put, rows.remove);
  }

  /** The entries of a rack. */
  entries(rack: string): readonly Settings[] {
    return renderServices(this.records).flatMap((one) =>
      one.rack === rack && isSettings(one.value)
        ? [{ name: one.key.slice(INTERFACES_KEY.length + 1), ...one.value }]
        : [],
    );
  }

  entry(rack: string, name: string): Settings | undefined {
    return this.entries(rack).find((one) => one.name === name);
  }

  #write(put: object, remove: object): void {
    const rowsIn = (lists: object, kind: string): readonly Rows[] => Reflect.get(lists, kind) ?? [];
    const kept = [...NETWORK_KINDS, 'services'].map((kind) => {
      const added = rowsIn(put, kind);
      const gone = new Set([...(Reflect.get(remove, kind) ?? []), ...added.map(({ id }) => id)]);
      return [kind, [...rowsIn(this.records, kind).filter(({ id }) => !gone.has(id)), ...added]];
    });
    this.records = { ...NO_RECORDS, ...Object.fromEntries(kept) };
  }
}

const served = (entries: readonly Settings[]) => {
  const parsed = parseConfig('', { [INTERFACES_KEY]: entries });
  return parsed.ok ? { dhcp: parsed.config.dhcp, dns: parsed.config.dns } : parsed.problems.map(({ path }) => path);
};

const LAB = {
  interface: 'eth1',
  management: 2,
  ip: '10.20.0.1',
  network: '10.20.0.0/24',
  ip_range_low: '10.20.0.100',
  ip_range_high: '10.20.0.199',
};

test('an entry is rendered with its network, without what follows from it', () => {
  const rows = new MemoryRows();
  rows.put('a', 'lab', {
    interface: 'eth1',
    subnet_mask: '255.255.255.0',
    broadcast_ip: '10.20.0.255',
    ip: ' 10.20.0.1 ',
    management: 2,
    mode: 'server',
    relayed: false,
    static_ip_range_low: '10.20.0.10',
    static_ip_range_high: '10.20.0.99',
    ip_range_low: '10.20.0.100',
    ip_range_high: '10.20.0.199',
    router_ip: '10.20.0.254',
    dns_servers: ['10.20.0.53'],
    domain: 'lab',
  });
  assert.deepEqual(rows.entries('a'), [
    {
      name: 'lab',
      ...LAB,
      static_ip_range_low: '10.20.0.10',
      static_ip_range_high: '10.20.0.99',
      router_ip: '10.20.0.254',
      dns_servers: ['10.20.0.53'],
      domain: 'lab',
    },
  ]);
  const [service] = rows.records.services;
  const [subnet] = rows.records.subnets;
  assert.equal(formatIpv4(subnet?.gateway ?? NO_ROUTER), '10.20.0.254');
  assert.deepEqual([service?.router, service?.dnsServers], [undefined, undefined], 'they are the subnet’s');
  assert.deepEqual(service?.terms, { domain: 'lab' });
});

test('an entry without a network is no row', () => {
  assert.equal(
    putEntry(NO_RECORDS, { rack: 'a', name: 'lab', value: { ip: '10.20.0.1' }, changedMs: 1 }, 1),
    undefined,
  );
});

test('a value that no column holds stays as it is written', () => {
  const rows = new MemoryRows();
  const odd = { router_ip: '10.99.0.1', ip_range_high: '10.20.0.2', management: '1', interface: '', shared: 'x' };
  rows.put('a', 'lab', { ...LAB, ...odd });
  assert.deepEqual(rows.entries('a'), [{ name: 'lab', ...LAB, ...odd }]);
});

test('racks of one subnet share its router until they differ', () => {
  const rows = new MemoryRows();
  const routers = () => [
    formatIpv4(rows.records.subnets[0]?.gateway ?? NO_ROUTER),
    ...rows.records.services.map(({ router }) => (router === undefined ? 'shared' : formatIpv4(router))),
    rows.entry('a', 'lab')?.router_ip,
    rows.entry('b', 'lab')?.router_ip,
  ];
  const other = { interface: 'eth1', ip: '10.20.0.2', network: '10.20.0.0/24', management: 0 };
  rows.put('a', 'lab', LAB);
  rows.put('b', 'lab', other);
  rows.put('a', 'lab', { ...LAB, router_ip: '10.20.0.254' });
  assert.deepEqual(routers().toSorted(), ['0.0.0.0', '10.20.0.254', '10.20.0.254', 'shared', undefined].toSorted());
  rows.put('b', 'lab', { ...other, router_ip: '10.20.0.254' });
  assert.deepEqual(routers(), ['10.20.0.254', 'shared', 'shared', '10.20.0.254', '10.20.0.254']);
  rows.put('a', 'lab', { ...LAB, router_ip: '10.20.0.253' });
  rows.put('b', 'lab', { ...other, router_ip: '10.20.0.253' });
  assert.deepEqual(routers(), ['10.20.0.253', 'shared', 'shared', '10.20.0.253', '10.20.0.253']);
  rows.put('a', 'lab', LAB);
  rows.put('b', 'lab', other);
  assert.deepEqual(routers(), ['0.0.0.0', 'shared', 'shared', undefined, undefined]);
});

test('a router goes with the last service that has it, and the first of the others gives its own', () => {
  const other = { interface: 'eth1', ip: '10.20.0.2', network: '10.20.0.0/24', router_ip: '10.20.0.253' };
  for (const [name, leave] of [
    ['it is removed', (rows: MemoryRows) => rows.remove('a', 'lab')],
    ['it has another network', (rows: MemoryRows) => rows.put('a', 'lab', { network: '10.21.0.0/24' })],
  ] as const) {
    const rows = new MemoryRows();
    rows.put('a', 'lab', { ...LAB, router_ip: '10.20.0.254' });
    rows.put('b', 'lab', other);
    rows.put('c', 'lab', { ...other, ip: '10.20.0.3', router_ip: '10.20.0.252' });
    const routers = () => [
      formatIpv4(rows.records.subnets.find(({ cidr }) => cidr === LAB.network)?.gateway ?? NO_ROUTER),
      rows.entry('b', 'lab')?.router_ip,
      rows.entry('c', 'lab')?.router_ip,
    ];
    leave(rows);
    assert.deepEqual(routers(), ['10.20.0.253', '10.20.0.253', '10.20.0.252'], name);
    rows.remove('b', 'lab');
    assert.deepEqual(routers(), ['10.20.0.252', undefined, '10.20.0.252'], name);
  }
});

test('DNS servers go with the last service that has them, as a router does', () => {
  const rows = new MemoryRows();
  const other = { interface: 'eth1', ip: '10.20.0.2', network: '10.20.0.0/24', dns_servers: ['10.20.0.54'] };
  rows.put('a', 'lab', { ...LAB, dns_servers: ['10.20.0.53'] });
  rows.put('b', 'lab', other);
  rows.remove('a', 'lab');
  assert.deepEqual(rows.records.subnets[0]?.dnsServers, ['10.20.0.54']);
  assert.equal(rows.records.services[0]?.dnsServers, undefined, 'they are the subnet’s');
  assert.deepEqual(rows.entry('b', 'lab')?.dns_servers, ['10.20.0.54']);
});

test('the MTU of a VLAN and the routes of a subnet are options, which an entry may replace', () => {
  const rows = new MemoryRows();
  const MTU = { code: 26, value: 9000 };
  const ROUTES = { code: 121, value: [['10.21.0.0/24', '10.20.0.253']] };
  const SOME = { code: 26, value: 1400, when: { architecture: 'uefi-amd64' } };
  const options = () => rows.entry('a', 'lab')?.options;
  const terms = () => rows.records.services.find(({ rack }) => rack === 'a')?.terms;
  rows.put('a', 'lab', LAB);
  rows.put('b', 'far', { network: '10.21.0.0/24' });
  const [subnet, far] = rows.records.subnets;
  assert.ok(subnet && far);
  const route = { id: 7, sourceId: subnet.id, destinationId: far.id, gateway: ipv4(subnet.id + 253), metric: 0 };
  const vlans = rows.records.vlans.map((vlan) => ({ ...vlan, mtu: 9000 }));
  rows.records = { ...rows.records, vlans, routes: [route] };
  assert.deepEqual(options(), [MTU, ROUTES]);
  assert.deepEqual(rows.entry('b', 'far')?.options, [MTU]);
  for (const [name, written, rendered, left] of [
    ['equal ones', [MTU, ROUTES], [MTU, ROUTES], undefined],
    [
      'an equal one by its name, and one of others',
      [
        { name: 'interface-mtu', value: 9000 },
        { code: 42, value: 'x' },
      ],
      [{ code: 42, value: 'x' }, MTU, ROUTES],
      [{ code: 42, value: 'x' }],
    ],
    ['its own MTU', [{ code: 26, value: 1500 }], [{ code: 26, value: 1500 }, ROUTES], [{ code: 26, value: 1500 }]],
    ['that of some clients', [SOME], [SOME, MTU, ROUTES], [SOME]],
    ['none', undefined, [MTU, ROUTES], undefined],
  ] as const) {
    rows.put('a', 'lab', { ...LAB, ...(written === undefined ? {} : { options: [...written] }) });
    assert.deepEqual(options(), rendered, name);
    assert.deepEqual(terms()?.options, left, name);
  }
  rows.put('a', 'lab', { interface: 'eth1', ip: '10.20.0.1', network: '10.20.0.0/24', mode: 'proxy' });
  assert.equal(options(), undefined, 'the other DHCP server gives the options');
});

test('a service takes no range of another one that stays', () => {
  const rows = new MemoryRows();
  rows.put('a', 'lab', LAB);
  const [range] = rows.records.ranges;
  rows.put('a', 'other', { ...LAB, ip_range_high: '10.20.0.150' });
  assert.equal(rows.entry('a', 'lab')?.ip_range_high, LAB.ip_range_high);
  rows.remove('a', 'lab');
  assert.deepEqual(
    rows.records.ranges.map(({ id }) => id),
    [range?.id],
    'it has the row of the one that went',
  );
  assert.equal(rows.entry('a', 'other')?.ip_range_high, '10.20.0.150');
});

test('a service without a router leaves the subnet that of a person', () => {
  const rows = new MemoryRows();
  rows.put('a', 'lab', LAB);
  const [subnet] = rows.records.subnets;
  assert.ok(subnet);
  const gateway = ipv4(subnet.id + 150);
  rows.remove('a', 'lab');
  rows.records = { ...rows.records, subnets: [{ ...subnet, isTouched: true, gateway }] };
  rows.put('a', 'lab', LAB);
  assert.equal(rows.records.subnets[0]?.gateway, gateway);
  assert.equal(rows.entry('a', 'lab')?.router_ip, undefined);
  rows.put('a', 'lab', { ...LAB, router_ip: '10.20.0.254' });
  rows.put('a', 'lab', LAB);
  assert.equal(rows.records.subnets[0]?.gateway, undefined, 'the router was removed');
});

test('ranges keep their ids over changes, other names and removals of the other range', () => {
  const rows = new MemoryRows();
  rows.put('a', 'lab', LAB);
  const [range] = rows.records.ranges;
  rows.put('a', 'lab', { ...LAB, ip_range_high: '10.20.0.150', static_ip_range_low: '10.20.0.3' });
  rows.put('a', 'other', LAB);
  rows.remove('a', 'lab');
  assert.deepEqual(
    rows.records.ranges.map(({ id, kind }) => [id, kind]),
    [[range?.id, 'dynamic']],
  );
  rows.put('a', 'other', { ...LAB, ip_range_low: '10.20.0.120', network: '10.20.0.0/25' });
  assert.deepEqual(rows.records.ranges, [], 'the range is not inside the network');
});

/** The hosts as [id, rack, last number of the address, comment]. */
const placed = ({ records }: MemoryRows) =>
  records.hosts
    .map(({ id, serviceId, address, comment }) => [
      id === address ? 'address' : id,
      records.services.find((service) => service.id === serviceId)?.rack,
      address % 256,
      comment,
    ])
    .sort(([, , a], [, , b]) => Number(a) - Number(b));
const hostAt = (last: number, more: Settings = {}): Settings => ({
  mac: `52:54:00:00:00:${last}`,
  ip: `10.20.0.${last}`,
  ...more,
});

test('entries of hosts are rows, as they are written and in their order', () => {
  const rows = new MemoryRows();
  const odd = [
    { ...hostAt(30), mac: '52-54-00-00-00-AA', options: [{ code: 26, value: 1400 }] },
    { circuit_id: 'port 7', ip: '10.20.0.20' },
    hostAt(11, { hostname: 'nas' }),
  ];
  rows.put('a', 'lab', { ...LAB, hosts: odd, domain: 'lab' });
  assert.deepEqual(rows.entry('a', 'lab'), { name: 'lab', ...LAB, hosts: odd, domain: 'lab' });
  assert.deepEqual(
    placed(rows).map(([id, , last]) => [id, last]),
    [
      ['address', 11],
      ['address', 20],
      ['address', 30],
    ],
  );
  const [first, second, third] = rows.records.hosts;
  const changed = [odd[0] ?? {}, hostAt(12), odd[1] ?? {}, hostAt(11, { hostname: 'disk' })];
  rows.put('a', 'lab', { ...LAB, hosts: changed });
  assert.deepEqual(rows.entry('a', 'lab')?.hosts, changed);
  assert.ok(rows.records.hosts.includes(first ?? assert.fail('a host')), 'it has not changed');
  rows.put('a', 'lab', { ...LAB, hosts: changed.slice(1) });
  assert.deepEqual(rows.entry('a', 'lab')?.hosts, changed.slice(1));
  assert.deepEqual(
    [second?.id, third?.id].map((id) => rows.records.hosts.some((host) => host.id === id)),
    [true, true],
  );
  rows.put('a', 'lab', LAB);
  assert.deepEqual([rows.records.hosts, rows.entry('a', 'lab')?.hosts], [[], undefined]);
});

test('entries of hosts that no row can hold stay as they are written, after the others', () => {
  const wrong = [
    hostAt(10),
    { ...hostAt(12), ip: '10.20.0.10' },
    'text',
    { mac: 'x' },
    hostAt(13, { ip: '10.99.0.1' }),
  ];
  const rows = new MemoryRows();
  rows.put('a', 'lab', { ...LAB, hosts: [...wrong, hostAt(14)] });
  assert.deepEqual(rows.entry('a', 'lab')?.hosts, [hostAt(10), hostAt(14), ...wrong.slice(1)]);
  rows.put('a', 'lab', { ...LAB, hosts: 'text' });
  assert.deepEqual([rows.entry('a', 'lab')?.hosts, rows.records.hosts], ['text', []]);
});

test('a host of a subnet goes to every service there, and an edit of one leaves it to the others', () => {
  const rows = new MemoryRows();
  rows.put('a', 'lab', { ...LAB, hosts: [hostAt(20)] });
  const [{ subnetId }] = [rows.records.services[0] ?? assert.fail('a service')];
  const shared = [10, 11].map((last, index) => {
    const address = parseIpv4(`10.20.0.${last}`) ?? assert.fail('an address');
    return {
      id: address,
      subnetId,
      serviceId: undefined,
      position: index + 1,
      address,
      entry: hostAt(last),
      comment: 'x',
    };
  });
  rows.records = { ...rows.records, hosts: [...shared, ...rows.records.hosts] };
  const all = [hostAt(20), hostAt(10), hostAt(11)];
  assert.deepEqual(rows.entry('a', 'lab')?.hosts, all);
  rows.put('a', 'lab', { ...LAB, hosts: all, domain: 'lab' });
  rows.put('b', 'far', { ...LAB, ip: '10.20.0.2' });
  const before = [
    ['address', undefined, 10, 'x'],
    ['address', undefined, 11, 'x'],
    ['address', 'a', 20, ''],
  ];
  assert.deepEqual([placed(rows), rows.entry('b', 'far')?.hosts], [before, all.slice(1)]);
  const edited = [hostAt(20), hostAt(10, { hostname: 'nas' })];
  rows.put('a', 'lab', { ...LAB, hosts: edited });
  assert.deepEqual([rows.entry('a', 'lab')?.hosts, rows.entry('b', 'far')?.hosts], [edited, all.slice(1)]);
  assert.deepEqual(
    rows.records.hosts.filter(({ serviceId }) => serviceId === undefined),
    [],
  );
  rows.remove('b', 'far');
  assert.deepEqual(placed(rows), [
    ['address', 'a', 10, 'x'],
    ['address', 'a', 20, ''],
  ]);
});

test('what racks serve is the same with the rendered entries', () => {
  const random = seededRandom(20260);
  const pick = <T>(...values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)];
  const some = <T>(value: T, share = 0.5): T | undefined => (random() < share ? value : undefined);
  const entryAt = (net: number, rack: number): Settings => {
    const at = (last: number) => `10.${net}.0.${last}`;
    const isRelayed = random() < 0.2;
    const hasMask = !isRelayed && random() < 0.4;
    const isProxy = random() < 0.15;
    const fields: Record<string, SettingValue | undefined> = {
      interface: isRelayed ? undefined : `eth${net}`,
      ip: isRelayed ? undefined : at(rack),
      relayed: isRelayed ? true : some(false, 0.2),
      network: hasMask ? undefined : `10.${net}.0.0/24`,
      subnet_mask: hasMask ? '255.255.255.0' : undefined,
      broadcast_ip: some(at(255), 0.3),
      management: pick(0, 1, 2, undefined),
      router_ip: pick(at(254), at(253), undefined),
      dns_servers: pick<SettingValue | undefined>([], [at(53)], [at(54), '10.0.0.53'], undefined),
      mode: isProxy ? 'proxy' : some('server', 0.2),
      ip_range_low: isProxy ? undefined : at(100),
      ip_range_high: isProxy ? undefined : at(pick(99, 150, 199) ?? 0),
      static_ip_range_low: isProxy ? undefined : some(at(10)),
      static_ip_range_high: isProxy ? undefined : at(60),
      hosts: isProxy ? undefined : some([{ mac: '52:54:00:00:00:01', ip: at(7), hostname: 'nas' }], 0.3),
      options: isProxy ? undefined : some([{ code: 26, value: 9000 }], 0.3),
      domain: some('lab.example'),
      lease_time: some('1h', 0.3),
      conflict_check: some(false, 0.2),
      ...(random() < 0.05 ? { router_ip: 'nowhere' } : {}),
    };
    return JSON.parse(JSON.stringify(fields));
  };
  let valid = 0;
  for (let round = 0; round < 80; round += 1) {
    const rows = new MemoryRows();
    const written = { a: new Map<string, Settings>(), b: new Map<string, Settings>() };
    for (let step = 0; step < 6; step += 1) {
      const rack = pick('a', 'b') === 'a' ? 'a' : 'b';
      const net = pick(20, 30) ?? 20;
      const name = `net${net}`;
      if (written[rack].has(name) && random() < 0.2) {
        written[rack].delete(name);
        rows.remove(rack, name);
      } else {
        const entry = entryAt(net, rack === 'a' ? 1 : 2);
        written[rack].set(name, { name, ...entry });
        rows.put(rack, name, entry);
      }
      for (const each of ['a', 'b'] as const) {
        const before = served(
          [...written[each].values()].toSorted((x, y) => String(x.name).localeCompare(String(y.name))),
        );
        const after = served(rows.entries(each).toSorted((x, y) => String(x.name).localeCompare(String(y.name))));
        if (!Array.isArray(before)) valid += 1;
        assert.deepEqual(after, before, `round ${round}, step ${step}, rack ${each}`);
      }
    }
  }
  assert.ok(valid > 150, `${valid} valid configurations`);
});
