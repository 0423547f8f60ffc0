import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchClock } from '../../../src/daemon/rack/clock-watch.ts';
import type { RackEvent } from '../../../src/event.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

test('a step is told once with its size, and put on the disk as soon as that takes it', () => {
  const clock = new VirtualClock();
  const told: RackEvent[] = [];
  let stamps = 0;
  let takes = true;
  const restamp = (): boolean => {
    stamps += 1;
    return takes;
  };
  const watch = watchClock({
    clock,
    publish: (event) => void told.push(event),
    moment: { now: clock.now(), uptimeS: 60 },
    dhcp: { restamp },
  });
  assert.equal(stamps, 1, 'the clock may have been set before the start');
  stamps = 0;
  clock.advance(10_000);
  clock.stepWall(400);
  clock.advance(10_000);
  assert.deepEqual([told, stamps], [[], 0], 'measuring is no step');
  takes = false;
  clock.stepWall(56 * 365 * 86_400_000);
  clock.advance(3000);
  assert.equal(told.length, 1);
  assert.deepEqual({ ...told[0], at: 0 }, { kind: 'clock.stepped', at: 0, byMs: 56 * 365 * 86_400_000 + 400 });
  assert.equal(stamps, 3, 'tried again while the disk takes nothing');
  takes = true;
  clock.advance(5000);
  assert.equal(stamps, 4);
  clock.stepWall(-5000);
  clock.advance(1000);
  assert.deepEqual({ ...told[1], at: 0 }, { kind: 'clock.stepped', at: 0, byMs: -5000 });
  watch.close();
  assert.equal(clock.pending, 0);
});
