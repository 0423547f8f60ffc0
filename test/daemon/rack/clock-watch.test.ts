import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchClock } from '../../../src/daemon/rack/clock-watch.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

test('a step is reported once with its size, and stored as soon as the disk accepts it', () => {
  const clock = new VirtualClock();
  const reported: RackEvent[] = [];
  let stamps = 0;
  let takes = true;
  const restamp = (): boolean => {
    stamps += 1;
    return takes;
  };
  const watch = watchClock({
    clock,
    publish: (event) => void reported.push(event),
    moment: { now: clock.now(), uptimeS: 60 },
    dhcp: { restamp },
  });
  assert.equal(stamps, 1, 'stored at startup: the clock may have been set before');
  stamps = 0;
  clock.advance(10_000);
  clock.stepWall(400);
  clock.advance(10_000);
  assert.deepEqual([reported, stamps], [[], 0], 'small differences are not steps');
  takes = false;
  clock.stepWall(56 * 365 * 86_400_000);
  clock.advance(3000);
  assert.equal(reported.length, 1);
  assert.deepEqual({ ...reported[0], at: 0 }, { kind: 'clock.stepped', at: 0, byMs: 56 * 365 * 86_400_000 + 400 });
  assert.equal(stamps, 3, 'retried while the disk refuses');
  takes = true;
  clock.advance(5000);
  assert.equal(stamps, 4);
  clock.stepWall(-5000);
  clock.advance(1000);
  assert.deepEqual({ ...reported[1], at: 0 }, { kind: 'clock.stepped', at: 0, byMs: -5000 });
  watch.close();
  assert.equal(clock.pending, 0);
});
