// When the desired state is announced: after a change here, after a hint from another process, and when a poll finds a change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_DESIRED_STATE } from '../../src/machines/machine.ts';
import { StateAnnouncements } from '../../src/region/state-announcements.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const HINT_MS = 20;
const POLL_MS = 400;

async function withAnnouncements(
  work: (place: {
    readonly clock: VirtualClock;
    readonly announcements: StateAnnouncements;
    readonly done: string[];
    change(): void;
    rewind(): void;
  }) => Promise<void>,
): Promise<void> {
  const clock = new VirtualClock();
  const done: string[] = [];
  let version = 1;
  let rewinds = 0;
  const announcements = new StateAnnouncements({
    clock,
    isShared: true,
    state: async () => ({ ...EMPTY_DESIRED_STATE, version }),
    rewinds: () => rewinds,
    onState: (state) => done.push(`state ${state.version}`),
    tellOthers: () => done.push('told'),
    readOthers: async () => void done.push('read'),
    poll: async () => void done.push('poll'),
  });
  announcements.begin(version);
  const change = (): void => {
    version += 1;
  };
  const rewind = (): void => {
    rewinds += 1;
  };
  try {
    await work({ clock, announcements, done, change, rewind });
  } finally {
    announcements.close();
    assert.equal(clock.pending, 0);
  }
}

test('a change by this process is told to the others, and announced once', () =>
  withAnnouncements(async ({ clock, announcements, done, change }) => {
    change();
    announcements.announce();
    announcements.announce();
    await clock.pass(HINT_MS);
    assert.deepEqual(done, ['told', 'state 2']);
  }));

test('a hint from another process is followed long before the next poll, and told to nobody', () =>
  withAnnouncements(async ({ clock, announcements, done, change }) => {
    change();
    announcements.heard();
    announcements.heard();
    await clock.pass(HINT_MS);
    assert.deepEqual(done, ['read', 'state 2']);
  }));

test('without a hint a poll finds the change', () =>
  withAnnouncements(async ({ clock, done, change }) => {
    change();
    await clock.pass(POLL_MS);
    assert.deepEqual(done, ['read', 'state 2', 'poll']);
  }));

test('the same version of a database with another history is announced', () =>
  withAnnouncements(async ({ clock, announcements, done, rewind }) => {
    rewind();
    announcements.heard();
    await clock.pass(HINT_MS);
    announcements.heard();
    await clock.pass(HINT_MS);
    assert.deepEqual(done, ['read', 'state 1', 'read']);
  }));
