import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant, later, seconds } from '../../src/clock.ts';
import type { Lease } from '../../src/dhcp/lease.ts';
import { bootClockOf, type HostMoment, restoreLeases, storeLease } from '../../src/dhcp/lease-clock.ts';
import { ipv4, mac } from '../../src/net/address.ts';

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
/** The second boot, ten minutes after the first began, with a clock that is right. */
const SECOND: HostMoment = { now: instant(NOON + 600_000), wallMs: NOON + 600_000, bootId: 'two', uptimeS: 30 };

const cases: readonly [name: string, stored: ReturnType<typeof granted>, clock: number | undefined, ageS: number][] = [
  ['a clock that was right', granted(60, NOON + 60_000), undefined, 540],
  ['an hour slow, put right before another record was stored', granted(60, NOON + 60_000 - HOUR_MS), NOON, 540],
  ['an hour fast, put right before another record was stored', granted(60, NOON + 60_000 + HOUR_MS), NOON, 540],
  ['an hour fast and never put right: the full time again', granted(60, NOON + 60_000 + HOUR_MS), NOON + HOUR_MS, 0],
  ['never set: the full time again', granted(60, UNSET + 60_000), UNSET, 0],
  ['set from 1970 before another record was stored', granted(60, UNSET + 60_000), NOON, 540],
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

test('a host that starts without a clock gives every lease of an earlier boot its full time again', () => {
  const here = { ...SECOND, wallMs: UNSET + 30_000 };
  for (const stored of [granted(60, NOON + 60_000), granted(60, UNSET + 10_000)]) {
    const [lease] = restoreLeases([stored], here);
    assert.equal(lease?.grantedAt, here.now);
  }
});

test('in the boot of the grant the uptime tells the age, whatever clock was stored or is known', () => {
  const here = first(160, UNSET);
  for (const wallMs of [NOON, UNSET, NOON + 1000 * HOUR_MS]) {
    const [lease] = restoreLeases([granted(60, wallMs)], here, new Map([['one', 12]]));
    assert.equal(here.now - (lease?.grantedAt ?? 0), 100_000);
  }
});

test('the clock of a boot is wall time less uptime of the storing, not of the grant', () => {
  const late = storeLease({ ...LEASE, grantedAt: instant(NOON + 60_000) }, first(90, NOON + 90_000 + HOUR_MS));
  assert.equal(bootClockOf(late), NOON + HOUR_MS);
});
