import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, later } from '../../../src/ground/clock.ts';
import { RackError } from '../../../src/ground/errors.ts';
import { StatusDeadlines } from '../../../src/region/life/status-deadlines.ts';
import { statusRow } from '../../../src/region/records/lifecycle.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openRegion } from '../../../src/region/region.ts';
import { changeStatus } from '../../support/change-status.ts';
import { type RegionPlace, report, withRegion } from '../place.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const ALLOWED_MS = (statusRow('commissioning').timeoutMinutes ?? 0) * MINUTE_MS;
/** The region looks every two seconds. */
const LOOK_MS = 2500;
const ADMIN = { username: 'admin' };

/** A machine that is being commissioned. */
async function beginCommissioning({ region }: Pick<RegionPlace, 'region'>): Promise<string> {
  const outcome = await region.enlist(report([0x525400000001]));
  assert.ok(outcome.kind === 'create');
  const { systemId } = outcome.machine;
  // Every command follows the clock before it reads the time.
  await region.life.endOverdue();
  assert.equal((await changeStatus(region, systemId, 'commissioning', ADMIN)).kind, 'changed');
  return systemId;
}

for (const [name, byMs] of [
  ['forwards by a day', DAY_MS],
  ['backwards by a day', -DAY_MS],
  ['forwards by 56 years, as a host without a clock does', 56 * 365 * DAY_MS],
] as const) {
  test(`a clock stepped ${name} ends states neither early nor late`, () =>
    withRegion(async (place) => {
      const { clock, store } = place;
      const systemId = await beginCommissioning(place);
      const status = async () => (await store.findMachine(systemId))?.status;
      await clock.pass(ALLOWED_MS / 2);
      clock.stepWall(byMs);
      await clock.pass(ALLOWED_MS / 2 - LOOK_MS);
      assert.equal(await status(), 'commissioning');
      await clock.pass(2 * LOOK_MS);
      assert.equal(await status(), 'failed-commissioning');
    }));
}

test('a step measured in fractions of a millisecond moves deadlines by whole ones, which the store takes', () =>
  withRegion(async (place) => {
    const { clock, store } = place;
    const systemId = await beginCommissioning(place);
    const deadline = async (): Promise<number> => (await store.findMachine(systemId))?.statusDeadlineMs ?? 0;
    const before = await deadline();
    let fraction = 0;
    const fine: Clock = {
      now: () => later(clock.now(), fraction),
      wallTimeMs: () => clock.wallTimeMs(),
      schedule: (delayMs, action) => clock.schedule(delayMs, action),
      randomBytes: (count) => clock.randomBytes(count),
    };
    const deadlines = new StatusDeadlines(store, fine);
    fraction = 0.3;
    clock.stepWall(DAY_MS);
    assert.equal(await deadlines.follow(), true);
    assert.equal(await deadline(), before + DAY_MS);
  }));

test('a deadline from a clock in another year is bounded at startup', () =>
  withRegion(async (place) => {
    const { clock, store, config } = place;
    const systemId = await beginCommissioning(place);
    place.region.close();
    // The host was started without a clock: everything stored seems to lie far ahead.
    clock.stepWall(-50 * 365 * DAY_MS);
    const region = await openRegion({ config, store, clock, onDesiredState: () => undefined });
    await clock.pass(LOOK_MS);
    assert.equal((await store.findMachine(systemId))?.status, 'commissioning');
    assert.ok(((await store.findMachine(systemId))?.statusDeadlineMs ?? 0) <= clock.wallTimeMs() + ALLOWED_MS);
    clock.stepWall(50 * 365 * DAY_MS);
    await clock.pass(ALLOWED_MS - 2 * LOOK_MS);
    assert.equal((await store.findMachine(systemId))?.status, 'commissioning');
    await clock.pass(3 * LOOK_MS);
    assert.equal((await store.findMachine(systemId))?.status, 'failed-commissioning');
    region.close();
  }));

test('deadlines are bounded at the next look if the store was unavailable at the first', () =>
  withRegion(async (place) => {
    const { clock, store } = place;
    const systemId = await beginCommissioning(place);
    clock.stepWall(-50 * 365 * DAY_MS);
    let isAvailable = false;
    const shiftDeadlines: RegionStore['shiftDeadlines'] = async (...terms) => {
      if (!isAvailable) throw new RackError('store-unavailable', 'the database restarts');
      await store.shiftDeadlines(...terms);
    };
    const deadlines = new StatusDeadlines({ shiftDeadlines }, clock);
    assert.equal(await deadlines.follow(), false);
    isAvailable = true;
    assert.equal(await deadlines.follow(), true);
    assert.ok(((await store.findMachine(systemId))?.statusDeadlineMs ?? 0) <= clock.wallTimeMs() + ALLOWED_MS);
  }));

test('a rack whose clock is ahead does not extend a machine’s time', () =>
  withRegion(async (place) => {
    const { clock, store, region } = place;
    const systemId = await beginCommissioning(place);
    const at = clock.wallTimeMs() + DAY_MS;
    const seen = { level: 'info', at, mac: '52:54:00:00:00:01', address: undefined, text: '' } as const;
    await region.observe([
      { ...seen, sequence: 1, kind: 'http.rendered' },
      { ...seen, sequence: 2, kind: 'dhcp.offer' },
    ]);
    assert.ok(((await store.findMachine(systemId))?.statusDeadlineMs ?? 0) <= clock.wallTimeMs() + ALLOWED_MS);
  }));
