import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ForeignLease } from '../../../src/dhcp/import/foreign-lease.ts';
import { judgeBatch } from '../../../src/dhcp/import/lease-batch.ts';
import { ForeignLeases, readLeaseFile } from '../../../src/dhcp/import/lease-file.ts';
import { judgeImport } from '../../../src/dhcp/import/lease-import.ts';
import { chooseAddress, judgeAddress } from '../../../src/dhcp/leases/allocate.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { restoreLeases, storeLease } from '../../../src/dhcp/leases/lease-clock.ts';
import { reportLease } from '../../../src/dhcp/leases/lease-report.ts';
import { DECLINE_SECONDS } from '../../../src/dhcp/leases/set-aside.ts';
import { type MacAddress, networkContains } from '../../../src/ground/address.ts';
import { instant, later, seconds } from '../../../src/ground/clock.ts';
import { hw, ip } from '../../support/lab-facts.ts';
import { config, labState, MAC_A, MAC_B, MAC_C, machine, subnet } from '../lab.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'leases');
const WALL = Date.UTC(2026, 10, 20, 12);
/** The rack's clock starts at another time than the wall clock. */
const NOW = instant(5_000_000);
const MOMENT = { now: NOW, wallMs: WALL };

/** Seconds from now. */
interface Times {
  readonly granted?: number | undefined;
  /** Undefined: never. */
  readonly ends: number | undefined;
}

function foreign(
  address: string,
  mac: MacAddress | undefined,
  times: Times,
  more: Partial<ForeignLease> = {},
): ForeignLease {
  const { granted, ends } = times;
  return {
    line: 1,
    address: ip(address),
    mac,
    state: 'bound',
    grantedWallMs: granted === undefined ? undefined : WALL + granted * 1000,
    expiresWallMs: ends === undefined ? undefined : WALL + ends * 1000,
    hostname: undefined,
    clientId: undefined,
    vendorClass: undefined,
    circuitId: undefined,
    remoteId: undefined,
    ...more,
  };
}

function here(address: string, mac: MacAddress, granted: number, ends: number, state: Lease['state'] = 'bound'): Lease {
  return {
    address: ip(address),
    mac,
    state,
    grantedAt: later(NOW, granted * 1000),
    expiresAt: later(NOW, ends * 1000),
    duration: seconds(ends - granted),
  };
}

const RUNS = { granted: -100, ends: 500 };
const ENDED = { granted: -5000, ends: -4400 };
const SERVED = config(subnet({ reservations: [{ mac: MAC_B, address: ip('10.20.0.105') }] }));

const cases: readonly [name: string, leases: readonly Lease[], lease: ForeignLease, verdict: string][] = [
  ['a running lease of the range is taken', [], foreign('10.20.0.100', MAC_A, RUNS), 'take'],
  ['one that has ended, too', [], foreign('10.20.0.100', MAC_A, ENDED), 'take'],
  ['an address of another network is not', [], foreign('10.99.0.1', MAC_A, RUNS), 'network-unknown'],
  ['nor one outside the ranges', [], foreign('10.20.0.200', MAC_A, RUNS), 'address-outside-range'],
  ['nor the rack’s own', [], foreign('10.20.0.1', MAC_A, RUNS), 'address-excluded'],
  ['nor one reserved for another', [], foreign('10.20.0.105', MAC_A, RUNS), 'address-reserved'],
  ['one reserved for the client is', [], foreign('10.20.0.105', MAC_B, RUNS), 'take'],
  ['an address that the region fixed for another is not', [], foreign('10.20.0.108', MAC_A, RUNS), 'address-reserved'],
  [
    'a running lease of another client is never replaced, however new the file says its own is',
    [here('10.20.0.100', MAC_B, -500, 100)],
    foreign('10.20.0.100', MAC_A, { granted: -1, ends: 5000 }),
    'address-leased',
  ],
  [
    'an ended one of another client is',
    [here('10.20.0.100', MAC_B, -900, -300)],
    foreign('10.20.0.100', MAC_A, RUNS),
    'take',
  ],
  [
    'an ended one does not give way to one that ended before',
    [here('10.20.0.100', MAC_B, -900, -300)],
    foreign('10.20.0.100', MAC_A, ENDED),
    'newer-here',
  ],
  [
    'a lease already here is kept',
    [here('10.20.0.100', MAC_A, -100, 500)],
    foreign('10.20.0.100', MAC_A, RUNS),
    'already-there',
  ],
  [
    'a client’s own running lease is extended',
    [here('10.20.0.100', MAC_A, -100, 200)],
    foreign('10.20.0.100', MAC_A, RUNS),
    'take',
  ],
  ['and never shortened', [here('10.20.0.100', MAC_A, -100, 900)], foreign('10.20.0.100', MAC_A, RUNS), 'newer-here'],
  [
    'a client that has moved on keeps what it has',
    [here('10.20.0.101', MAC_A, -10, 590)],
    foreign('10.20.0.100', MAC_A, RUNS),
    'client-moved',
  ],
  [
    'a client that came back later there is taken',
    [here('10.20.0.101', MAC_A, -400, 200)],
    foreign('10.20.0.100', MAC_A, RUNS),
    'take',
  ],
  [
    'an address set aside there is set aside here',
    [],
    foreign('10.20.0.100', undefined, RUNS, { state: 'declined' }),
    'take',
  ],
  ['unless its time is over', [], foreign('10.20.0.100', undefined, ENDED, { state: 'declined' }), 'quarantine-over'],
  [
    'or another client holds it',
    [here('10.20.0.100', MAC_B, -10, 500)],
    foreign('10.20.0.100', undefined, RUNS, { state: 'declined' }),
    'address-leased',
  ],
  [
    'an address set aside here goes to no client',
    [here('10.20.0.100', MAC_B, -10, 500, 'declined')],
    foreign('10.20.0.100', MAC_A, RUNS),
    'address-declined',
  ],
];
for (const [name, leases, lease, wanted] of cases) {
  test(name, () => {
    const state = labState(SERVED, [machine(hw('52:54:00:00:00:99'), '10.20.0.108')]);
    state.leases.load(leases, NOW);
    const verdict = judgeImport(lease, state, MOMENT);
    assert.equal(verdict.kind === 'take' ? 'take' : verdict.reason, wanted);
  });
}

const repeated: readonly [name: string, lease: ForeignLease][] = [
  ['running', foreign('10.20.0.100', MAC_A, RUNS)],
  ['ended', foreign('10.20.0.100', MAC_A, ENDED)],
  ['without a grant', foreign('10.20.0.100', MAC_A, { ends: 500 })],
  ['endless', foreign('10.20.0.100', MAC_A, { granted: -100, ends: undefined })],
  ['given back', foreign('10.20.0.100', MAC_A, ENDED, { state: 'released' })],
  ['given back before its end', foreign('10.20.0.100', MAC_A, RUNS, { state: 'released' })],
  ['set aside', foreign('10.20.0.100', undefined, RUNS, { state: 'declined' })],
  ['set aside for good', foreign('10.20.0.100', undefined, { ends: undefined }, { state: 'declined' })],
];
for (const [name, lease] of repeated) {
  test(`a second import changes nothing: ${name}`, () => {
    const state = labState(SERVED);
    const first = judgeImport(lease, state, MOMENT);
    assert.ok(first.kind === 'take');
    state.leases.apply(first.lease, 1);
    const later30s = { now: later(NOW, 30_000), wallMs: WALL + 30_000 };
    assert.deepEqual(judgeImport(lease, state, later30s), { kind: 'leave', reason: 'already-there' });
  });
}

test('an imported lease ends when the other server said, and its client may keep it', () => {
  const state = labState(SERVED);
  const sent = { hostname: 'Web1.example.org', clientId: '\x01abc', circuitId: 'eth0/1' };
  const verdict = judgeImport(foreign('10.20.0.100', MAC_A, RUNS, sent), state, MOMENT);
  assert.ok(verdict.kind === 'take');
  const { lease } = verdict;
  assert.equal(lease.expiresAt, later(NOW, 500_000));
  assert.equal(lease.grantedAt, later(NOW, -100_000));
  assert.deepEqual(
    [lease.duration, lease.hostname, lease.clientId, lease.circuitId],
    [600, 'web1', '\x01abc', 'eth0/1'],
  );
  state.leases.apply(lease, 1);
  const [served] = state.subnets.served;
  assert.ok(served !== undefined);
  assert.equal(judgeAddress(served, { mac: MAC_A }, ip('10.20.0.100'), state, NOW), undefined);
  assert.equal(judgeAddress(served, { mac: MAC_B }, ip('10.20.0.100'), state, NOW), 'address-leased');
});

test('a client’s data is kept as from its own message: with limited length', () => {
  const hostile = '\x1b[2J\x9b31m\0x';
  const reported = {
    hostname: hostile,
    vendorClass: `${hostile}${'v'.repeat(5000)}`,
    clientId: `\x01${'c'.repeat(5000)}`,
    circuitId: 'p'.repeat(5000),
    remoteId: 'r'.repeat(5000),
  };
  const verdict = judgeImport(foreign('10.20.0.100', MAC_A, RUNS, reported), labState(SERVED), MOMENT);
  assert.ok(verdict.kind === 'take');
  const { hostname, vendorClass, clientId, circuitId, remoteId } = verdict.lease;
  assert.deepEqual([hostname, vendorClass], [undefined, `${hostile}${'v'.repeat(54)}`]);
  assert.deepEqual([clientId?.length, circuitId?.length, remoteId?.length], [255, 255, 255]);
});

test('an address that Kea set aside is shown with `nobody` as its client', () => {
  const state = labState(SERVED);
  const wallMs = WALL + 3_600_000;
  const kea = `address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n`;
  for (const hardware of ['', '00:00:00:00:00:00']) {
    const row = `10.20.0.100,${hardware},,86400,${wallMs / 1000},1,0,0,,1`;
    const [entry] = readLeaseFile('kea', `${kea}${row}`.split('\n'), WALL);
    assert.ok(entry?.kind === 'lease');
    assert.equal(entry.lease.mac, undefined);
    const verdict = judgeImport(entry.lease, state, MOMENT);
    assert.ok(verdict.kind === 'take');
    const facts = { now: NOW, wallMs: WALL, networks: [], machineName: () => undefined, reservedName: () => undefined };
    const { mac, state: shown, address, expiresAt } = reportLease(verdict.lease, facts);
    assert.deepEqual(
      [address, mac, shown, expiresAt],
      ['10.20.0.100', 'nobody', 'declined', new Date(wallMs).toISOString()],
    );
  }
});

test('an address set aside for good is set aside for the usual time here', () => {
  const state = labState(SERVED);
  const verdict = judgeImport(
    foreign('10.20.0.100', undefined, { granted: -100, ends: undefined }, { state: 'declined' }),
    state,
    MOMENT,
  );
  assert.ok(verdict.kind === 'take');
  assert.equal(verdict.lease.expiresAt, later(NOW, DECLINE_SECONDS * 1000));
});

test('a batch with several running leases of one client yields the newest, and judging changes nothing', () => {
  const state = labState(SERVED);
  const newest = foreign('10.20.0.101', MAC_A, { granted: -10, ends: 590 }, { line: 1 });
  const oldest = foreign('10.20.0.100', MAC_A, { granted: -100, ends: 500 }, { line: 2 });
  const other = foreign('10.20.0.102', MAC_C, RUNS, { line: 3 });
  const { taken, left } = judgeBatch([newest, oldest, other], state, MOMENT);
  assert.deepEqual(
    taken.map(({ address }) => address),
    [ip('10.20.0.101'), ip('10.20.0.102')],
  );
  assert.deepEqual(left, [{ line: 2, reason: 'client-moved' }]);
  assert.equal(state.leases.find(ip('10.20.0.101')), undefined);
});

test('if identifiers count, the systems of one machine are separate clients', () => {
  const state = labState(config(subnet({ identity: 'client-id' })));
  const one = foreign('10.20.0.101', MAC_A, { granted: -10, ends: 590 }, { line: 1, clientId: '\x00one' });
  const two = foreign('10.20.0.100', MAC_A, { granted: -100, ends: 500 }, { line: 2, clientId: '\x00two' });
  assert.equal(judgeBatch([one, two], state, MOMENT).taken.length, 2);
});

test('an already ended lease causes no event', () => {
  const state = labState(SERVED);
  const verdict = judgeImport(foreign('10.20.0.100', MAC_A, ENDED), state, MOMENT);
  assert.ok(verdict.kind === 'take');
  state.leases.apply(verdict.lease, 1);
  assert.equal(state.leases.nextExpiry, undefined);
  assert.deepEqual(state.leases.expire(NOW, 10), []);
});

test('a file from another server with a fast clock grants nothing in the future', () => {
  const verdict = judgeImport(foreign('10.20.0.100', MAC_A, { granted: 50, ends: 650 }), labState(SERVED), MOMENT);
  assert.ok(verdict.kind === 'take');
  assert.equal(verdict.lease.grantedAt, NOW);
});

for (const [file, format] of [
  ['kea-leases4.csv', 'kea'],
  ['dhcpd.leases', 'isc'],
  ['dnsmasq.leases', 'dnsmasq'],
] as const) {
  test(`each client of ${file} gets the address it had, and no other client does`, () => {
    const [near, far] = ['10.88.0', '10.89.0'].map((net) =>
      subnet({
        name: net,
        serverAddress: ip(`${net}.1`),
        network: { address: ip(`${net}.0`), prefix: 24 },
        broadcast: ip(`${net}.255`),
        router: undefined,
        dynamic: { low: ip(`${net}.100`), high: ip(`${net}.150`) },
        static: undefined,
      }),
    );
    assert.ok(near !== undefined && far !== undefined);
    const state = labState(config(near, far));
    const wallMs = Date.UTC(2026, 10, 20, 21);
    const lines = readFileSync(join(FIXTURES, file), 'latin1').split('\n');
    const leases = new ForeignLeases();
    for (const entry of readLeaseFile(format, lines, wallMs)) if (entry.kind === 'lease') leases.add(entry.lease);
    let sequence = 0;
    for (const lease of leases.values()) {
      const verdict = judgeImport(lease, state, { now: NOW, wallMs });
      assert.ok(verdict.kind === 'take', `${lease.line}`);
      sequence += 1;
      state.leases.apply(verdict.lease, sequence);
    }
    for (const { address, mac, clientId, line } of leases.values()) {
      const served = state.subnets.served.find(({ subnet: { network } }) => networkContains(network, address));
      assert.ok(served !== undefined);
      const stranger = judgeAddress(served, { mac: hw('52:54:00:00:00:77') }, address, state, NOW);
      if (mac === undefined) assert.equal(stranger, 'address-declined');
      else {
        const chosen = chooseAddress(served, { mac, clientId }, undefined, state, NOW);
        assert.deepEqual(chosen, { kind: 'address', address, source: 'own' }, `line ${line}`);
      }
    }
    assert.ok(sequence >= 5);
  });
}

test('an imported lease ends when the other server said even after a restart, however long ago it began', () => {
  const year = 31_536_000;
  const before = { ...MOMENT, bootId: 'a', uptimeS: 9000 };
  const after = { now: instant(70_000_000), wallMs: WALL + 60_000, bootId: 'a', uptimeS: 9060 };
  const times: readonly Times[] = [
    { granted: -6 * year, ends: year },
    { granted: -2 * year, ends: year },
    { granted: -7 * year, ends: -6 * year },
    { granted: -7 * year, ends: -year },
  ];
  for (const said of times) {
    const verdict = judgeImport(foreign('10.20.0.100', MAC_A, said), labState(SERVED), MOMENT);
    assert.equal(verdict.kind, 'take');
    if (verdict.kind !== 'take') return;
    const [restored] = restoreLeases([storeLease(verdict.lease, before)], after);
    const endsIn = ((restored?.expiresAt ?? 0) - after.now) / 1000 + 60;
    if (said.ends !== undefined && said.ends > -3 * year) assert.equal(endsIn, said.ends);
    else assert.ok(endsIn < -3 * year, `long over: ${endsIn}`);
  }
});
