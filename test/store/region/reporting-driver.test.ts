// Which troubles of the store are reported, and how often, in virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../../src/ground/errors.ts';
import { noteText } from '../../../src/region/reports/notes.ts';
import { CAUSES_MAX, ReportingDriver } from '../../../src/store/region/reporting-driver.ts';
import type { Steps } from '../../../src/store/steps.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

function* nothing(): Steps<void> {}

/** A store whose work always fails. */
function rig() {
  const clock = new VirtualClock();
  const reports: string[] = [];
  let error: Error = new RackError('store-unavailable', 'the database is away');
  const fail = (): Promise<never> => Promise.reject(error);
  const driver = {
    write: fail,
    read: fail,
    transact: fail,
    isInTransaction: () => false,
    afterCommit: fail,
    close: () => Promise.resolve(),
  };
  const reporting = new ReportingDriver(driver, clock);
  reporting.watch((outage) => void reports.push(noteText(outage)));
  const works = {
    write: () => reporting.write(nothing),
    read: () => reporting.read(nothing),
    transact: () => reporting.transact(fail),
  };
  const attempt = async (next: Error, work: keyof typeof works = 'read'): Promise<void> => {
    error = next;
    await assert.rejects(works[work](), next);
  };
  return { clock, reports, reporting, attempt };
}

const away = (text: string): RackError => new RackError('store-unavailable', text);

test('each kind of work reports, and its caller gets the error', async () => {
  const { reports, attempt } = rig();
  for (const work of ['write', 'read', 'transact'] as const) await attempt(away(`at ${work}`), work);
  assert.deepEqual(reports, ['at write', 'at read', 'at transact']);
});

test('one cause is reported once a minute', async () => {
  const { clock, reports, attempt } = rig();
  await attempt(away('a'));
  clock.advance(59_999);
  await attempt(away('a'));
  assert.deepEqual(reports, ['a']);
  clock.advance(1);
  await attempt(away('a'));
  assert.deepEqual(reports, ['a', 'a']);
});

test('at most CAUSES_MAX causes are reported in a minute', async () => {
  const { clock, reports, attempt } = rig();
  for (let cause = 0; cause < 2 * CAUSES_MAX; cause += 1) await attempt(away(String(cause)));
  assert.equal(reports.length, CAUSES_MAX);
  await attempt(away('0'));
  assert.equal(reports.length, CAUSES_MAX);
  clock.advance(60_000);
  await attempt(away('x'));
  assert.deepEqual(reports.slice(CAUSES_MAX), ['x']);
});

test('other errors, and what fails after the end, are not reported', async () => {
  const { reports, reporting, attempt } = rig();
  await attempt(new Error('our own bug'));
  await reporting.close();
  await attempt(away('a'));
  assert.deepEqual(reports, []);
});
