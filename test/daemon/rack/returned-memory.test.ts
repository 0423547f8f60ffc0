// The memory that a start leaves in the C library goes back to the system.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { returnMemory } from '../../../src/daemon/rack/returned-memory.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { until } from '../../support/own-network.ts';

const MIB = 2 ** 20;
/** Below the size that glibc gives a mapping of its own, which it returns at once. */
const PIECE_BYTES = 2 ** 16;
const PIECES = 1600;

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

const anonymousMib = (): number => {
  const [, kib = ''] = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) / 1024;
};

/** Allocates 100 MiB in pieces, and keeps the last alone, so that the C library cannot shrink its heap from the end. */
function lastOfMany(): Uint8Array {
  const pieces = Array.from({ length: PIECES }, () => Buffer.allocUnsafeSlow(PIECE_BYTES).fill(1));
  return pieces.at(-1) ?? Buffer.alloc(0);
}

const tree = {
  counters: () => ({ filesOpen: 0, cachedBytes: 0, slicesRead: 0, sliceHits: 0 }),
  releaseSlices: () => false,
};

it('memory that was freed is returned 14 s later', async () => {
  const last = lastOfMany();
  collectGarbage();
  const keptMib = anonymousMib();
  const scheduled: [number, () => void][] = [];
  returnMemory(tree, {
    ...systemClock,
    schedule(delayMs, action) {
      scheduled.push([delayMs, action]);
      return { cancel: () => undefined };
    },
  });
  assert.equal(scheduled[0]?.[0], 14_000);
  assert.ok(anonymousMib() > keptMib - 5, 'the C library had returned it before');
  scheduled[0][1]();
  await until(() => anonymousMib() < keptMib - (PIECES * PIECE_BYTES) / MIB / 2);
  assert.equal(last.length, PIECE_BYTES);
});

it('slices are released at a look that finds none read since the last one', () => {
  let [slicesRead, released] = [0, 0];
  const looks: (() => void)[] = [];
  returnMemory(
    {
      counters: () => ({ ...tree.counters(), slicesRead }),
      releaseSlices: () => {
        released += 1;
        return true;
      },
    },
    {
      ...systemClock,
      schedule(_delayMs, action) {
        looks.push(action);
        return { cancel: () => undefined };
      },
    },
  );
  const look = (): void => looks.shift()?.();
  look();
  slicesRead = 5;
  look();
  assert.equal(released, 0);
  look();
  assert.equal(released, 1);
});
