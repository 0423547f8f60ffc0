// The age of a lease after a restart of the process or of the host, whatever its clocks did.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import {
  computeBootClock,
  type HostMoment,
  restoreLeases,
  restoreMoment,
  type StoredMoment,
  storeLease,
} from '../../../src/dhcp/leases/lease-clock.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { instant, later, seconds } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { ip } from '../../support/lab-facts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { config, MAC_A, MAC_B, subnet } from '../lab.ts';
import { rig } from '../responder-rig.ts';

const HOUR_MS = 3_600_000;
const NOON = Date.UTC(2026, 10, 20, 12);
const UNSET = Date.UTC(1970, 0, 1);
const START = instant(NOON);
const LEASE: Lease = {
  address: ipv4(0x0a140064),
  mac: mac(0x525400000001),
  state: 'bound',
  grantedAt: START,
  expiresAt: later(START, HOUR_MS),
  duration: seconds(3600),
};

/** The first boot of the host: its true time is noon plus uptime; its clock shows `wallMs`. */
const first = (uptimeS: number, wallMs: number): HostMoment => {
  return { now: instant(NOON + uptimeS * 1000), wallMs, bootId: 'one', uptimeS };
};
const granted = (uptimeS: number, wallMs: number) => {
  const moment = first(uptimeS, wallMs);
  return storeLease({ ...LEASE, grantedAt: moment.now, expiresAt: later(moment.now, HOUR_MS) }, moment);
};
/** The second boot, ten minutes after the first began, with a correct clock. */
const SECOND: HostMoment = { now: instant(NOON + 600_000), wallMs: NOON + 600_000, bootId: 'two', uptimeS: 30 };

const cases: readonly [name: string, stored: ReturnType<typeof granted>, clock: number | undefined, ageS: number][] = [
  ['a correct clock', granted(60, NOON + 60_000), undefined, 30],
  ['an hour slow, corrected before another record was stored', granted(60, NOON + 60_000 - HOUR_MS), NOON, 30],
  ['an hour fast, corrected before another record was stored', granted(60, NOON + 60_000 + HOUR_MS), NOON, 30],
  ['an hour fast and never corrected: the full time again', granted(60, NOON + 60_000 + HOUR_MS), NOON + HOUR_MS, 0],
  ['never set: the full time again', granted(60, UNSET + 60_000), UNSET, 0],
  ['set from 1970 before another record was stored', granted(60, UNSET + 60_000), NOON, 30],
];
for (const [name, stored, clock, ageS] of cases) {
  test(`after a restart of the host: ${name}`, () => {
    const clocks = new Map(clock === undefined ? [] : [['one', clock]]);
    const [lease] = restoreLeases([stored], SECOND, clocks);
    assert.ok(lease !== undefined);
    assert.equal(Math.round((SECOND.now - lease.grantedAt) / 1000), ageS);
    assert.equal(lease.expiresAt - lease.grantedAt, HOUR_MS);
  });
}

const inSecond = (uptimeS: number, wallMs: number): HostMoment => {
  return { now: instant(NOON + 600_000 + uptimeS * 1000), wallMs, bootId: 'two', uptimeS };
};
const restOf = (lease: Lease | undefined, moment: HostMoment): number => {
  assert.ok(lease !== undefined);
  return Math.round((lease.expiresAt - moment.now) / 1000);
};

test('a clock that is days ahead after a restart of the host ends no running lease: it ages by uptime alone', () => {
  const stored = [granted(60, NOON + 60_000), granted(460, NOON + 460_000)];
  for (const days of [1, 30]) {
    const early = inSecond(30, NOON + 630_000 + days * 24 * HOUR_MS);
    const late = inSecond(3200, early.wallMs + 3_170_000);
    for (const [here, rests] of [
      [early, [3600 - 400 - 30, 3600 - 30]],
      [late, [0, 3600 - 3200]],
    ] as const) {
      assert.deepEqual(
        restoreLeases(stored, here).map((lease) => restOf(lease, here)),
        rests,
        `${days} days, ${here.uptimeS} s after the start`,
      );
    }
  }
});

test('a lease that had ended when its boot was last heard of, or was released, keeps its true end across a restart of the host', () => {
  const over = granted(60, NOON + 60_000);
  const back = { ...granted(5000, NOON + 5_000_000), state: 'released' } as const;
  const here: HostMoment = { now: instant(NOON + 6_000_000), wallMs: NOON + 6_000_000, bootId: 'two', uptimeS: 30 };
  assert.deepEqual(
    restoreLeases([over, back], here).map((lease) => restOf(lease, here)),
    [3660 - 6000, 8600 - 6000],
  );
});

test('a second client does not get the address of a full range from a rack whose clock was set a day ahead while it was off', () => {
  const full = config(
    subnet({ dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.100') }, leaseTime: seconds(3600) }),
  );
  const before = rig(full);
  const answer = before.lease(MAC_A);
  const now = before.clock.now();
  const stored = before.table
    .all()
    .map((lease) => storeLease(lease, { now, wallMs: NOON, bootId: 'one', uptimeS: 60 }));
  const here: HostMoment = { now: new VirtualClock().now(), wallMs: NOON + 24 * HOUR_MS, bootId: 'two', uptimeS: 0 };
  const after = rig(full, new MachineDirectory([]), restoreLeases(stored, here));
  assert.equal(after.say({ type: 'discover', mac: MAC_B }), 'silence');
  after.clock.advance(3_599_999);
  assert.equal(after.say({ type: 'discover', mac: MAC_B }), 'silence');
  assert.equal(after.say({ type: 'request', mac: MAC_A, ciaddr: ip('10.20.0.100') }), answer, 'its holder renews it');
  after.clock.advance(3_600_000);
  assert.match(after.say({ type: 'discover', mac: MAC_B }), /^offer 10\.20\.0\.100$/);
});

test('a host that starts without a clock gives every lease of an earlier boot its full time again', () => {
  const here = { ...SECOND, wallMs: UNSET + 30_000 };
  for (const stored of [granted(60, NOON + 60_000), granted(60, UNSET + 10_000)]) {
    const [lease] = restoreLeases([stored], here);
    assert.equal(lease?.grantedAt, here.now);
  }
});

test('in the boot of the grant the uptime gives the age, whatever clock was stored or is known', () => {
  const here = first(160, UNSET);
  for (const wallMs of [NOON, UNSET, NOON + 1000 * HOUR_MS]) {
    const [lease] = restoreLeases([granted(60, wallMs)], here, new Map([['one', 12]]));
    assert.equal(here.now - (lease?.grantedAt ?? 0), 100_000);
  }
});

test('the clock of a boot is wall time minus uptime of the storing, not of the grant', () => {
  const late = storeLease({ ...LEASE, grantedAt: instant(NOON + 60_000) }, first(90, NOON + 90_000 + HOUR_MS));
  assert.equal(computeBootClock(late), NOON + HOUR_MS);
});

test('a lease from before this boot keeps its wall times and dates no other record', () => {
  const moment = first(60, NOON + 60_000);
  const old = { ...LEASE, grantedAt: later(moment.now, -2 * HOUR_MS), expiresAt: later(moment.now, HOUR_MS) };
  const stored = storeLease(old, moment);
  assert.deepEqual(
    { grantedWallMs: stored.grantedWallMs, bootId: stored.bootId, uptimeS: stored.uptimeS },
    { grantedWallMs: moment.wallMs - 2 * HOUR_MS, bootId: '', uptimeS: 0 },
  );
  for (const [name, here] of [
    ['in the same boot', first(660, NOON + 660_000)],
    ['in the next boot', SECOND],
  ] as const) {
    const [lease] = restoreLeases([stored], here);
    assert.equal(lease && lease.expiresAt - here.now, moment.wallMs + HOUR_MS - here.wallMs, name);
  }
});

const storedAt = (bootId: string, uptimeS: number, wallMs: number): StoredMoment => ({ bootId, uptimeS, wallMs });
const moments: readonly [name: string, stored: StoredMoment, clock: number | undefined, ageS: number][] = [
  ['of this boot, by its uptime, whatever the clock said', storedAt('two', 10, UNSET), undefined, 20],
  ['of another boot, by the wall clock', storedAt('one', 60, NOON + 60_000), undefined, 540],
  ['of another boot whose clock was corrected since', storedAt('one', 60, NOON + 60_000 - HOUR_MS), NOON, 540],
  ['of another boot, later than now: no clock can date it', storedAt('one', 60, NOON + HOUR_MS), undefined, 0],
  ['of another boot whose clock was never set', storedAt('one', 60, UNSET), undefined, 0],
];
for (const [name, stored, clock, ageS] of moments) {
  test(`a stored moment ${name}`, () => {
    const clocks = new Map(clock === undefined ? [] : [['one', clock]]);
    assert.equal(Math.round((SECOND.now - restoreMoment(stored, SECOND, clocks)) / 1000), ageS);
  });
}

test('a lease that ended in an earlier boot has ended if a sign of that boot is younger than the end', () => {
  const lease = { ...granted(60, NOON + 60_000), expiresWallMs: NOON + 120_000 };
  const here = inSecond(10, NOON + 3 * HOUR_MS);
  const [unended] = restoreLeases([lease], here);
  assert.equal(restOf(unended, here), 50, 'it may have run when the host went down');
  const heard = storedAt('one', 120, NOON + 120_000);
  const [ended] = restoreLeases([lease], here, new Map(), heard);
  assert.ok(restOf(ended, here) < 0);
  assert.ok((ended?.expiresAt ?? 0) <= restoreMoment(heard, here, new Map()), 'and that was told');
});

/** A moment of the first boot, and a lease of ten minutes granted then. */
const MOMENT: HostMoment = { now: START, wallMs: NOON, bootId: 'one', uptimeS: 500 };
const SHORT_LEASE: Lease = { ...LEASE, expiresAt: later(START, 600_000), duration: seconds(600) };

test('a stored lease comes back with its age, whatever the clocks did', () => {
  const cases: readonly (readonly [string, Partial<HostMoment>, number])[] = [
    ['same boot, 100 s later', { wallMs: MOMENT.wallMs + 100_000, uptimeS: 600 }, 100],
    ['same boot, the wall clock stepped forward an hour', { wallMs: MOMENT.wallMs + 3_700_000, uptimeS: 600 }, 100],
    ['same boot, the wall clock stepped back an hour', { wallMs: MOMENT.wallMs - 3_500_000, uptimeS: 600 }, 100],
    ['another boot, 100 s later', { wallMs: MOMENT.wallMs + 100_000, bootId: 'two', uptimeS: 20 }, 20],
    ['another boot, the wall clock went back', { wallMs: MOMENT.wallMs - 1000, bootId: 'two', uptimeS: 20 }, 0],
    ['a system that names no boot', { wallMs: MOMENT.wallMs + 100_000, bootId: '', uptimeS: 20 }, 20],
  ];
  for (const [name, changes, ageS] of cases) {
    const moment = { ...MOMENT, now: instant(5_000_000), ...changes };
    const [lease] = restoreLeases([storeLease(SHORT_LEASE, MOMENT)], moment);
    assert.ok(lease !== undefined);
    assert.equal(moment.now - lease.grantedAt, ageS * 1000, name);
    assert.equal(lease.expiresAt - lease.grantedAt, 600_000, name);
  }
});

test('one lease from the future lets every lease of another boot run its full time again', () => {
  const old = storeLease(SHORT_LEASE, { ...MOMENT, wallMs: MOMENT.wallMs - 10_000_000 });
  const future = storeLease({ ...SHORT_LEASE, address: ip('10.20.0.101') }, MOMENT);
  const here = { ...MOMENT, now: instant(9_000_000), wallMs: MOMENT.wallMs - 60_000, bootId: 'two', uptimeS: 5 };
  const [first, second] = restoreLeases([old, future], here);
  assert.equal(first?.grantedAt, here.now);
  assert.equal(second?.expiresAt, later(here.now, 600_000));
});

test('a lease is stored by its grant, even if it is stored later', () => {
  const stored = storeLease(SHORT_LEASE, {
    ...MOMENT,
    now: later(START, 2000),
    wallMs: MOMENT.wallMs + 2000,
    uptimeS: 502,
  });
  assert.equal(stored.grantedWallMs, MOMENT.wallMs);
  assert.equal(stored.uptimeS, 500);
  assert.equal('grantedAt' in stored, false);
});
