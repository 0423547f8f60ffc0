import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientName, listLeaseFields } from '../../../src/cli/leases/list.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import {
  ciscoPort,
  type LeaseCriterion,
  matchesLease,
  type ParsedFilter,
  parseLeaseFilter,
  reportLease,
  wireText,
} from '../../../src/dhcp/leases/lease-report.ts';
import { instant, later, seconds } from '../../../src/ground/clock.ts';
import { ip } from '../../support/lab-facts.ts';
import { MAC_A, MAC_B, subnet } from '../lab.ts';

const NOW = instant(1_000_000_000);
const WALL = Date.UTC(2026, 10, 20, 12);
const NETWORKS = [subnet()];
const FACTS = {
  now: NOW,
  wallMs: WALL,
  networks: NETWORKS,
  machineName: (mac: number) => (mac === MAC_B ? 'swift-fox' : undefined),
  reservedName: ({ address }: Lease) => (address === ip('10.20.0.101') ? 'gateway' : undefined),
};
const lease = (address: string, more: Partial<Lease> = {}): Lease => ({
  address: ip(address),
  mac: MAC_A,
  state: 'bound',
  grantedAt: later(NOW, -60_000),
  expiresAt: later(NOW, 540_000),
  duration: seconds(600),
  ...more,
});

const LEASES: Readonly<Record<string, Lease>> = {
  plain: lease('10.20.0.100'),
  named: lease('10.20.0.101', { hostname: 'web1', circuitId: 'eth0/1', vendorClass: 'PXEClient', clientId: '\x01A' }),
  machine: lease('10.20.0.102', { mac: MAC_B, circuitId: '\x00\x01', remoteId: 'switch-7' }),
  ended: lease('10.20.0.103', { expiresAt: later(NOW, -1) }),
  back: lease('10.20.0.104', { state: 'released' }),
  aside: lease('10.30.0.105', { state: 'declined' }),
};

test('a lease is reported with everything known about it', () => {
  assert.deepEqual(reportLease(lease('10.20.0.100', { ...LEASES.named, clientId: '\x01A', remoteId: '0xsw' }), FACTS), {
    address: '10.20.0.101',
    mac: '52:54:00:00:00:0a',
    state: 'bound',
    network: 'lab',
    machine: undefined,
    hostname: 'web1',
    grantedAt: '2026-11-20T11:59:00.000Z',
    expiresAt: '2026-11-20T12:09:00.000Z',
    seconds: 600,
    clientId: '01:41',
    vendorClass: 'PXEClient',
    circuitId: 'eth0/1',
    remoteId: '0x30787377',
    reservedName: 'gateway',
  });
  assert.equal(reportLease(lease('10.20.0.100', { duration: seconds(0xffff_ffff) }), FACTS).expiresAt, 'never');
  assert.equal(reportLease(lease('10.99.0.1'), FACTS).network, undefined);
});

test('a lease is listed by the region’s name, else the operator’s, else the client’s own', () => {
  const report = reportLease(lease('10.20.0.101', { ...LEASES.named }), FACTS);
  assert.equal(clientName({ ...report, machine: 'swift-fox' }), 'swift-fox');
  assert.equal(clientName(report), 'gateway');
  assert.equal(clientName({ ...report, reservedName: undefined }), 'web1');
});

test('a circuit id in the form of Cisco is VLAN and port, any other is not', () => {
  for (const [bytes, text] of [
    ['\x00\x04\x00\x1a\x01\x02', 'VLAN 26, port 1/2'],
    ['\x00\x04\x0f\xff\x00\x30', 'VLAN 4095, port 0/48'],
    ['\x00\x04\x00\x1a\x01', undefined],
    ['\x01\x04\x00\x1a\x01\x02', undefined],
    ['eth0/1', undefined],
  ] as const) {
    const report = reportLease(lease('10.20.0.100', { circuitId: bytes }), FACTS);
    assert.equal(ciscoPort(report.circuitId ?? ''), text);
    const shown = listLeaseFields(report).find(([name]) => name === 'Switch port')?.[1];
    assert.equal(shown, text === undefined ? report.circuitId : `${report.circuitId} (${text})`);
  }
});

test('bytes of the wire are text only if all of them are printable', () => {
  for (const [bytes, text] of [
    ['eth0/1', 'eth0/1'],
    ['eth\x00', '0x65746800'],
    ['\u00e4', '0xe4'],
    ['0x41', '0x30783431'],
    [undefined, undefined],
  ] as const) {
    assert.equal(wireText(bytes), text);
  }
});

test('a vendor class is shown with escapes, and found by its shown form', () => {
  const odd = lease('10.20.0.100', { vendorClass: 'PXE\x1b[2J\x9b31m\xad' });
  const { vendorClass } = reportLease(odd, FACTS);
  assert.equal(vendorClass, 'PXE\\x1b[2J\\x9b31m\\xad');
  const parsed = parse({ 'vendor-class': `${vendorClass.slice(0, 8)}*` });
  assert.ok(parsed.ok && matchesLease(odd, parsed.filter, FACTS));
});

const parse = (criteria: Partial<Record<LeaseCriterion, string>>): ParsedFilter =>
  parseLeaseFilter((name) => criteria[name], NETWORKS);

const filters: readonly [criteria: Partial<Record<LeaseCriterion, string>>, names: string][] = [
  [{}, 'plain named machine ended back aside'],
  [{ state: 'bound' }, 'plain named machine'],
  [{ state: 'expired' }, 'ended'],
  [{ state: 'released' }, 'back'],
  [{ state: 'declined' }, 'aside'],
  [{ network: 'lab' }, 'plain named machine ended back'],
  [{ network: '10.30.0.0/16' }, 'aside'],
  [{ network: '10.30.0.0/24' }, 'aside'],
  [{ address: '10.20.0.102' }, 'machine'],
  [{ address: '10.20.0.100/31' }, 'plain named'],
  [{ mac: '52-54-00-00-00-0B' }, 'machine'],
  [{ mac: '52:54' }, 'plain named machine ended back aside'],
  [{ mac: '5255' }, ''],
  [{ hostname: 'WEB1' }, 'named'],
  [{ hostname: 'web' }, ''],
  [{ hostname: 'gateway' }, 'named'],
  [{ hostname: 'w*1' }, 'named'],
  [{ hostname: '*fox' }, 'machine'],
  [{ hostname: '*' }, 'named machine'],
  [{ 'circuit-id': 'eth*' }, 'named'],
  [{ 'circuit-id': '0x0001' }, 'machine'],
  [{ 'circuit-id': 'eth0.1' }, ''],
  [{ 'remote-id': 'SWITCH-*' }, 'machine'],
  [{ 'remote-id': 'switch' }, ''],
  [{ 'vendor-class': 'pxe*' }, 'named'],
  [{ 'client-id': '01:41' }, 'named'],
  [{ 'client-id': '01:*', 'remote-id': '*' }, 'named'],
  [{ hostname: '*e*b*', state: 'bound' }, 'named'],
];
for (const [criteria, names] of filters) {
  test(`asked for ${JSON.stringify(criteria)} these are found: ${names}`, () => {
    const parsed = parse(criteria);
    assert.ok(parsed.ok);
    const found = Object.entries(LEASES).filter(([, one]) => matchesLease(one, parsed.filter, FACTS));
    assert.equal(found.map(([name]) => name).join(' '), names);
  });
}

test('an invalid criterion is refused with the valid ones', () => {
  for (const [criteria, reason] of [
    [{ state: 'dead' }, 'dead is not a lease state: bound, expired, released, declined'],
    [{ network: 'nowhere' }, 'nowhere is neither a cluster interface (lab) nor a network'],
    [{ network: '10.20.0.1/24' }, '10.20.0.1/24 is neither a cluster interface (lab) nor a network'],
    [{ address: '10.20' }, '10.20 is neither an IPv4 address nor a network such as 10.20.0.0/24'],
    [{ mac: 'xyz' }, 'xyz is neither a hardware address such as 52:54:00:12:34:56 nor the beginning of one'],
    [{ hostname: 'x'.repeat(513) }, 'a criterion has at most 512 characters'],
  ] as const) {
    assert.deepEqual(parse(criteria), { ok: false, reason });
  }
});

test('no pattern takes long', () => {
  const parsed = parse({ hostname: '*a'.repeat(250) });
  assert.ok(parsed.ok);
  const long = lease('10.20.0.100', { hostname: 'a'.repeat(1000) });
  for (let round = 0; round < 1000; round += 1)
    matchesLease({ ...long, hostname: `${long.hostname}b` }, parsed.filter, FACTS);
});
