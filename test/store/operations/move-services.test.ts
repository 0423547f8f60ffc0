// Stored cluster interfaces become rows of networks, from settings as earlier versions left them. In PostgreSQL: `older-tables.test.ts`.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { formatIpv4, parseIpv4 } from '../../../src/ground/address.ts';
import { INTERFACES_KEY, isSettings, type Settings, type SettingValue } from '../../../src/machines/settings.ts';
import { renderServices } from '../../../src/region/networks/service-form.ts';
import {
  FIRST_NETWORK_ID,
  isOfService,
  type NetworkRecords,
  NO_RECORDS,
} from '../../../src/region/records/network-store.ts';
import { checkCopy, type DatabaseKind, openDatabaseFile, readMigration } from '../../../src/store/database-file.ts';
import { moveServices } from '../../../src/store/operations/move-services.ts';
import { readNextObjectId, readObjects } from '../../../src/store/operations/network-objects.ts';
import { REGION_DATABASE } from '../../../src/store/region/region-schema.ts';
import { Statements } from '../../../src/store/rows.ts';
import { answerStatementOn, runSteps, type Steps } from '../../../src/store/steps.ts';

const STATE = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'state', 'region-7-networks.db');

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rackboot-services-'));
  path = join(directory, 'region.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

type Setting = readonly [rack: string, key: string, value: SettingValue];

/** The last version that has them as settings. */
const BEFORE = 7;
const LATER = REGION_DATABASE.migrations.slice(BEFORE).map((step) => readMigration(step)[0]);
const FORMER = { ...REGION_DATABASE, migrations: REGION_DATABASE.migrations.slice(0, BEFORE) };

/** A region's file. */
class Region {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(kind: DatabaseKind) {
    this.#database = openDatabaseFile(path, kind);
    this.#statements = new Statements(this.#database);
  }

  do<T>(steps: Steps<T>): T {
    return runSteps(steps, (statement) => answerStatementOn(this.#statements, statement));
  }

  /** How many statements an operation takes. */
  count(steps: Steps<unknown>): number {
    let statements = 0;
    runSteps(steps, (statement) => {
      statements += 1;
      return answerStatementOn(this.#statements, statement);
    });
    return statements;
  }

  records(): NetworkRecords {
    return this.do(readObjects());
  }

  settings(table = 'setting'): readonly Setting[] {
    const rows = this.#database.prepare(`SELECT rack, key, value FROM ${table} ORDER BY position, rack, key`).all();
    return rows.map(({ rack, key, value }) => [String(rack), String(key), JSON.parse(String(value))]);
  }

  store(...settings: readonly Setting[]): void {
    const insert = this.#database.prepare('INSERT INTO setting VALUES (?, ?, ?, ?, 5)');
    for (const [index, [rack, key, value]] of settings.entries())
      insert.run(rack, key, JSON.stringify(value), 100 + index);
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  close(): void {
    this.#database.close();
  }
}

/** What a rack serves. */
function served(settings: readonly Setting[], rack: string): unknown {
  const entries = settings.flatMap(([of, key, value]): readonly Settings[] =>
    of === rack && key.startsWith('cluster_interfaces.') && isSettings(value)
      ? [{ name: key.slice(INTERFACES_KEY.length + 1), ...value }]
      : [],
  );
  const parsed = parseConfig('', { [INTERFACES_KEY]: entries });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return { dhcp: parsed.config.dhcp, dns: parsed.config.dns };
}

const rendered = (records: NetworkRecords): readonly Setting[] =>
  renderServices(records).map(({ rack, key, value }) => [rack, key, value]);

/** Moves the services of the file, and checks what every move keeps. */
function move(): { readonly region: Region; readonly before: readonly Setting[] } {
  const older = new DatabaseSync(path, { readOnly: true });
  const rows = older.prepare('SELECT rack, key, value FROM setting ORDER BY position, rack, key').all();
  older.close();
  const before = rows.map(({ rack, key, value }): Setting => [String(rack), String(key), JSON.parse(String(value))]);
  const region = new Region(REGION_DATABASE);
  const after = [...region.settings(), ...rendered(region.records())];
  assert.deepEqual(
    after.map(([rack, key]) => `${rack} ${key}`).sort(),
    before.map(([rack, key]) => `${rack} ${key}`).sort(),
  );
  for (const rack of new Set(before.map(([of]) => of)))
    if (rack !== '' && rack !== 'odd') assert.deepEqual(served(after, rack), served(before, rack), rack);
  return { region, before };
}

test('racks serve the same after it, ranges keep their ids and comments, and the settings are kept as they were', () => {
  copyFileSync(STATE, path);
  const { region, before } = move();
  const { services, ranges, subnets } = region.records();
  assert.deepEqual(
    region.settings().map(([, key]) => key),
    ['dns.records'],
  );
  assert.deepEqual(
    region.settings('former_setting'),
    before.filter(([rack]) => rack !== ''),
  );
  const names = new Map(services.map(({ id, name }) => [id, name]));
  assert.deepEqual(
    ranges
      .filter(isOfService)
      .map(({ id, serviceId, kind, low, high, username, comment }) => [
        id,
        names.get(serviceId),
        kind,
        formatIpv4(low),
        formatIpv4(high),
        username,
        comment,
      ]),
    [
      [5009, 'eth1-30', 'dynamic', '10.30.0.100', '10.30.0.199', 'admin', 'for strangers'],
      [5015, 'old', 'dynamic', '10.33.0.100', '10.33.0.199', '', ''],
      [5016, 'lab', 'dynamic', '10.20.0.100', '10.20.0.199', '', ''],
      [5017, 'lab', 'static', '10.20.0.10', '10.20.0.29', '', ''],
    ],
  );
  assert.equal(ranges.length, 9);
  const lab = subnets.find(({ cidr }) => cidr === '10.20.0.0/24');
  assert.deepEqual(
    [lab?.gateway && formatIpv4(lab.gateway), lab?.dnsServers],
    ['10.20.0.254', ['10.20.0.25', '192.0.2.53']],
  );
  assert.equal(region.do(readNextObjectId()), 5031, 'services take none');
  region.close();
});

test('a network without rows gets them; what names no network stays a setting; racks of one subnet keep their own values', () => {
  const older = new Region(FORMER);
  const place = { network: '10.9.0.0/24', management: 1 };
  older.store(
    [
      'one',
      'cluster_interfaces.a.b',
      {
        ...place,
        interface: 'eth0',
        ip: '10.9.0.1',
        ip_range_low: '10.9.0.100',
        ip_range_high: '10.9.0.199',
        router_ip: '10.9.0.254',
        hosts: [{ mac: '52:54:00:00:00:01', ip: '10.9.0.9' }],
      },
    ],
    ['', 'cluster_interfaces.of-no-rack', { ...place, interface: 'eth0', ip: '10.9.0.2' }],
    [
      'two',
      'cluster_interfaces.plain',
      {
        ...place,
        interface: 'eth0',
        ip: '10.9.0.3',
        hosts: [{ mac: '52:54:00:00:00:02', ip: '10.9.0.8' }],
        dns_servers: ['10.9.0.53'],
      },
    ],
    ['odd', 'cluster_interfaces.unfinished', { interface: 'eth7' }],
    ['odd', 'cluster_interfaces.text', 'text'],
    [
      'two',
      'cluster_interfaces.far',
      {
        relayed: true,
        network: '10.8.0.0/24',
        ip_range_low: '10.8.0.100',
        ip_range_high: '10.8.0.199',
        lease_time: '1h',
        dns_servers: ['10.8.0.53'],
      },
    ],
    ['', 'dns.domain', 'maas'],
  );
  older.close();
  const { region } = move();
  assert.deepEqual(
    region.settings().map(([, key]) => key),
    ['cluster_interfaces.of-no-rack', 'cluster_interfaces.unfinished', 'cluster_interfaces.text', 'dns.domain'],
  );
  const { services, subnets, vlans } = region.records();
  assert.deepEqual(
    services.map(({ rack, name, position, subnetId, changedMs }) => [rack, name, position, subnetId, changedMs]),
    [
      ['one', 'a.b', 100, ipv4At('10.9.0.0'), 5],
      ['two', 'plain', 102, ipv4At('10.9.0.0'), 5],
      ['two', 'far', 105, ipv4At('10.8.0.0'), 5],
    ],
  );
  assert.deepEqual([subnets.length, vlans.length], [2, 1]);
  region.close();
});

test('hosts that version 8 kept in the terms of services become rows', () => {
  const middle = { ...REGION_DATABASE, migrations: REGION_DATABASE.migrations.slice(0, BEFORE + 1) };
  const older = new Region(middle);
  const hosts = [
    { mac: '52:54:00:00:00:01', ip: '10.9.0.9' },
    { mac: 'x', ip: 'y' },
    { duid: '0x0001', ip: '10.9.0.8' },
  ];
  older.exec(`INSERT INTO fabric VALUES (0, 'fabric-0', '', '', 0); INSERT INTO vlan VALUES (5001, 0, 0, 'untagged', '', 1500, NULL, 0);
    INSERT INTO subnet VALUES (5002, '10.9.0.0/24', 'mine', '', 5001, NULL, '[]', 1, 1, 4);
    INSERT INTO subnet_service VALUES (3, 5002, 'one', 'lab', 7, 'eth0', ${ipv4At('10.9.0.1')}, 1, 1, 0, NULL, NULL,
      '${JSON.stringify({ lease_time: '1h', hosts, domain: 'lab' })}', 'ann', 5)`);
  older.close();
  const region = new Region(REGION_DATABASE);
  const { services, hosts: rows } = region.records();
  assert.deepEqual(
    rows.map(({ id, serviceId, address, entry }) => [id === address, serviceId, formatIpv4(address), entry]),
    [
      [true, 3, '10.9.0.8', hosts[2]],
      [true, 3, '10.9.0.9', hosts[0]],
    ],
  );
  assert.deepEqual(
    services.map(({ position, madeBy, changedMs, terms }) => [position, madeBy, changedMs, terms]),
    [[7, 'ann', 5, { lease_time: '1h', hosts: [hosts[1]], domain: 'lab' }]],
  );
  const [[, , value] = []] = rendered(region.records());
  assert.deepEqual(isSettings(value) && value.hosts, [hosts[0], hosts[2], hosts[1]]);
  region.close();
});

test('a router that a service did not name stays the gateway of its subnet alone', () => {
  const older = new Region(FORMER);
  older.exec(`INSERT INTO fabric VALUES (0, 'fabric-0', '', '', 0); INSERT INTO vlan VALUES (5001, 0, 0, 'untagged', '', 1500, NULL, 0);
    INSERT INTO subnet VALUES (5002, '10.9.0.0/24', 'mine', '', 5001, ${ipv4At('10.9.0.150')}, '["10.9.0.53"]', 1, 1)`);
  older.store([
    'one',
    'cluster_interfaces.lab',
    {
      network: '10.9.0.0/24',
      interface: 'eth0',
      ip: '10.9.0.1',
      ip_range_low: '10.9.0.100',
      ip_range_high: '10.9.0.140',
    },
  ]);
  older.close();
  const { region } = move();
  const [{ gateway }] = [region.records().subnets[0] ?? assert.fail('a subnet')];
  assert.equal(gateway && formatIpv4(gateway), '10.9.0.150');
  region.close();
});

test('many cluster interfaces are moved with as many statements as few', () => {
  const counts = [2, 40].map((many) => {
    const region = new Region(FORMER);
    region.exec(LATER.join(''));
    const entries = Array.from({ length: many }, (_, index): Setting => {
      const at = (host: number): string => `10.9.${index}.${host}`;
      const bounds = { ip_range_low: at(100), ip_range_high: at(199) };
      const value = { interface: 'eth0', ip: at(1), network: `10.9.${index}.0/24`, router_ip: at(254), ...bounds };
      return [`rack-${index % 2}`, `cluster_interfaces.n${index}`, value];
    });
    region.store(...entries);
    const statements = region.count(moveServices());
    assert.equal(region.records().services.length, many);
    region.close();
    rmSync(path);
    return statements;
  });
  const [few, all] = counts;
  assert.equal(all, few);
});

test('a new database gets no row', () => {
  const region = new Region(REGION_DATABASE);
  assert.deepEqual([region.records(), region.do(readNextObjectId())], [NO_RECORDS, FIRST_NETWORK_ID]);
  region.close();
  checkCopy(path, REGION_DATABASE);
});

const ipv4At = (text: string): number => parseIpv4(text) ?? assert.fail(text);
