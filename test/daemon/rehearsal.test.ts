// The rack's rehearsal of its own DHCP: every client of it is served, and machines that ask go first.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { rehearseDhcp } from '../../src/daemon/rehearsal.ts';
import { type Clock, systemClock } from '../../src/ground/clock.ts';

const parsed = parseConfig('name: rack\nstate_dir: /nonexistent\n');
assert.ok(parsed.ok);
const { config } = parsed;
const isLoading = (): boolean => false;

test('every client gets an address and renews it, in all rounds', async () => {
  const renewed = await rehearseDhcp({
    clock: systemClock,
    config,
    countRequests: () => 0,
    isLoading,
    isEnding: () => false,
  });
  assert.equal(renewed, 12_000);
});

test('it pauses as long as machines ask or load, and ends with the rack', async () => {
  let now = systemClock.now();
  let asked = 0;
  let isEnding = false;
  const pauses: number[] = [];
  const clock: Clock = {
    ...systemClock,
    // Each slice has one turn.
    now: () => {
      now = (now + 10) as typeof now;
      return now;
    },
    schedule(delayMs, action) {
      pauses.push(delayMs);
      if (pauses.length < 3) asked += 1;
      isEnding = pauses.length === 6;
      setImmediate(action);
      return { cancel: () => undefined };
    },
  };
  const over = rehearseDhcp({
    clock,
    config,
    countRequests: () => asked,
    // Until the sixth pause.
    isLoading: () => !isEnding,
    isEnding: () => isEnding,
  });
  asked = 1;
  const renewed = await over;
  assert.deepEqual([pauses.length, pauses.every((ms) => ms >= 100)], [6, true]);
  assert.ok(renewed < 100, `${renewed} in one slice`);
});
