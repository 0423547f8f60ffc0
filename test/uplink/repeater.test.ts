import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACK_OFF_MS_MAX, BACK_OFF_MS_MIN, Repeater, type RunOutcome } from '../../src/uplink/repeater.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A repeater whose runs the test ends. */
function makeRepeater() {
  const clock = new VirtualClock();
  const runs: { readonly at: number; end(outcome: RunOutcome): Promise<void> }[] = [];
  const repeater = new Repeater(clock, () => {
    const { promise, resolve } = Promise.withResolvers<RunOutcome>();
    runs.push({
      at: clock.now(),
      async end(outcome) {
        resolve(outcome);
        await promise;
        await Promise.resolve();
      },
    });
    return promise;
  });
  return { clock, runs, repeater };
}

const FAILED: RunOutcome = { kind: 'failed' };

test('it runs at once, and again after its rest', async () => {
  const { clock, runs, repeater } = makeRepeater();
  repeater.start();
  repeater.start();
  assert.equal(runs.length, 1);
  await runs[0]?.end({ kind: 'rest', ms: 1000 });
  clock.advance(999);
  assert.equal(runs.length, 1);
  clock.advance(1);
  assert.equal(runs.length, 2);
});

test('a poke ends a rest, and a poke during a run causes another run', async () => {
  const { clock, runs, repeater } = makeRepeater();
  repeater.start();
  repeater.poke();
  assert.equal(runs.length, 1);
  await runs[0]?.end({ kind: 'rest', ms: 60_000 });
  clock.advance(0);
  assert.equal(runs.length, 2);
  await runs[1]?.end({ kind: 'rest', ms: 60_000 });
  repeater.poke();
  assert.equal(runs.length, 3);
});

test('pauses grow to their bound, each random in its upper half, and a success resets them', async () => {
  const { clock, runs, repeater } = makeRepeater();
  repeater.start();
  const pauses: number[] = [];
  for (let run = 0; run < 12; run += 1) {
    const at = clock.now();
    await runs.at(-1)?.end(FAILED);
    while (runs.length === run + 1) clock.advance(10);
    pauses.push((runs.at(-1)?.at ?? 0) - at);
  }
  for (const [index, pause] of pauses.entries()) {
    const full = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** index);
    assert.ok(pause >= full / 2 && pause <= full + 10, `pause ${index}: ${pause} of ${full}`);
  }
  assert.ok(new Set(pauses.map((pause) => Math.round(pause % 1000))).size > 6, 'they are not all alike');
  await runs.at(-1)?.end({ kind: 'rest', ms: 0 });
  clock.advance(0);
  const count = runs.length;
  await runs.at(-1)?.end(FAILED);
  clock.advance(BACK_OFF_MS_MIN);
  assert.equal(runs.length, count + 1);
});

test('a poke does not shorten a pause, but `hasten` does', async () => {
  const { clock, runs, repeater } = makeRepeater();
  repeater.start();
  await runs[0]?.end(FAILED);
  repeater.poke();
  assert.equal(runs.length, 1);
  repeater.hasten();
  assert.equal(runs.length, 2);
  await runs[1]?.end({ kind: 'failed', retryAfterMs: 30_000 });
  clock.advance(29_000);
  assert.equal(runs.length, 2);
  clock.advance(1000);
  assert.equal(runs.length, 3);
});

test('after `stop` nothing runs until `start`, whatever the run under way returns', async () => {
  const { clock, runs, repeater } = makeRepeater();
  repeater.start();
  repeater.stop();
  await runs[0]?.end({ kind: 'again' });
  clock.advance(100_000);
  repeater.poke();
  repeater.hasten();
  assert.equal(runs.length, 1);
  repeater.start();
  assert.equal(runs.length, 2);
});
