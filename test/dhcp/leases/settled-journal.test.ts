import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { SettledJournal, WAITERS_MAX } from '../../../src/dhcp/leases/settled-journal.ts';
import { instant, later, seconds } from '../../../src/ground/clock.ts';
import { ip } from '../../support/lab-facts.ts';
import { MAC_A, settle, TestJournal } from '../lab.ts';

const LEASE: Lease = {
  address: ip('10.20.0.100'),
  mac: MAC_A,
  state: 'bound',
  grantedAt: instant(0),
  expiresAt: later(instant(0), 600_000),
  duration: seconds(600),
};

function make() {
  const inner = new TestJournal();
  const journal = new SettledJournal(inner);
  const reported: string[] = [];
  journal.listen({
    onDurable: (sequence) => reported.push(`durable ${sequence}`),
    onFailed: (from, to) => reported.push(`failed ${from} to ${to}`),
    onSlow: () => reported.push('slow'),
    onAvailable: () => reported.push('available'),
  });
  const wait = (sequence: number): void => {
    void journal.settled(sequence).then((durable) => reported.push(`${sequence} ${durable}`));
  };
  return { inner, journal, reported, wait };
}

test('a waiter for a sequence continues after the listener, once it is on disk', async () => {
  const { inner, journal, reported, wait } = make();
  for (const sequence of [journal.append(LEASE), journal.append(LEASE)]) wait(sequence);
  inner.commit(1);
  await settle();
  assert.deepEqual(reported, ['durable 1', '1 true']);
  inner.commit();
  await settle();
  assert.deepEqual(reported, ['durable 1', '1 true', 'durable 2', '2 true']);
});

test('a waiter for a sequence that is never written gets false', async () => {
  const { inner, journal, reported, wait } = make();
  wait(journal.append(LEASE));
  inner.fail();
  await settle();
  assert.deepEqual(reported, ['failed 1 to 1', '1 false']);
  assert.equal(journal.available, false);
  inner.recover();
  inner.slow();
  assert.deepEqual(reported.slice(2), ['available', 'slow']);
});

test('no more than WAITERS_MAX wait', async () => {
  const { journal } = make();
  const sequence = journal.append(LEASE);
  for (let count = 0; count < WAITERS_MAX; count += 1) void journal.settled(sequence);
  const one = journal.settled(sequence);
  assert.equal(await Promise.race([one, settle().then(() => 'it waits')]), false);
});
