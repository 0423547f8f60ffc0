// The boot tree in force, over real directories and a clock moved by hand: what is told of a tree that cannot be known, and how it is followed.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Timer } from '../../src/clock.ts';
import { FIRST_LOOK_MS_MAX, LiveTree } from '../../src/daemon/live-tree.ts';
import { watchTree } from '../../src/daemon/tree-watch.ts';
import type { RackEvent } from '../../src/event.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { MANY_FILES_PLACE, makeManyFiles } from '../support/many-files.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const MS_MAX = 20_000;
// The bounds, written out: one that is made larger fails here.
const [WATCHED_ENTRIES_MAX, CHANGES_MAX] = [5000, 5000] as const;

function makePlace(context: TestContext): string {
  const place = mkdtempSync(join(MANY_FILES_PLACE, 'rackboot-live-'));
  context.after(() => rmSync(place, { recursive: true, force: true }));
  return join(place, 'boot');
}

/** Opens a tree; what it told is in `kinds`. */
function begin(context: TestContext, directory: string) {
  const clock = new VirtualClock();
  const events: RackEvent[] = [];
  const opening = LiveTree.open(directory, { clock, publish: (event) => void events.push(event) });
  context.after(async () => (await opening).close());
  return { clock, opening, kinds: () => events.map(({ kind }) => kind) };
}

test('a tree that is not there is made', async (context) => {
  const { opening, kinds } = begin(context, makePlace(context));
  const tree = await opening;
  assert.equal(tree.problem, undefined);
  assert.deepEqual(kinds(), []);
});

test('a tree that cannot be made, or is a file, is a problem that ends by itself', async (context) => {
  const directory = makePlace(context);
  writeFileSync(directory, 'x');
  const inFile = await begin(context, join(directory, 'below')).opening;
  assert.match(inFile.problem?.reason ?? '', /boot\.tree \S+below cannot be read \(ENOTDIR\): create it/);
  const { clock, opening, kinds } = begin(context, directory);
  const tree = await opening;
  assert.match(tree.problem?.reason ?? '', /is not a directory/);
  tree.watch();
  rmSync(directory);
  mkdirSync(directory);
  writeFileSync(join(directory, 'kernel'), 'x');
  clock.advance(5000);
  await eventuallyWithin(MS_MAX, 'it is read', () => tree.problem === undefined);
  assert.equal(tree.hasFile('kernel'), true);
  assert.deepEqual(kinds(), ['tree.problem', 'tree.served']);
});

test('a start waits for a disk that does not answer no longer than its bound, and the tree is served when it does', async (context) => {
  const directory = makePlace(context);
  mkdirSync(directory);
  writeFileSync(join(directory, 'kernel'), 'x');
  const { clock, opening, kinds } = begin(context, directory);
  // Before the system had a chance to answer.
  clock.advance(FIRST_LOOK_MS_MAX);
  const tree = await opening;
  assert.match(tree.problem?.reason ?? '', /was not read within 10 s.*see whether its disk answers/);
  assert.equal(tree.hasFile('kernel'), false);
  await eventuallyWithin(MS_MAX, 'it is read', () => tree.problem === undefined);
  assert.equal(tree.hasFile('kernel'), true);
  assert.deepEqual(kinds(), ['tree.problem', 'tree.served']);
});

test('a tree too large to be watched is looked at now and then', async (context) => {
  const directory = makePlace(context);
  makeManyFiles(directory, WATCHED_ENTRIES_MAX + 1);
  const { clock, opening } = begin(context, directory);
  const tree = await opening;
  tree.watch();
  assert.equal(clock.pending, 1, 'the next look');
  writeFileSync(join(directory, 'late'), 'x');
  clock.advance(60_000);
  await eventuallyWithin(MS_MAX, 'the late file is known', () => tree.hasFile('late'));
});

test('a smaller one is watched: a change is known when it came to rest', async (context) => {
  const directory = makePlace(context);
  const { clock, opening } = begin(context, directory);
  const tree = await opening;
  tree.watch();
  assert.equal(clock.pending, 0, 'nothing is looked at without need');
  writeFileSync(join(directory, 'late'), 'x');
  await eventuallyWithin(MS_MAX, 'the late file is known', () => {
    clock.advance(250);
    return tree.hasFile('late');
  });
});

/** Counts the timers that were ever set. */
class CountingClock extends VirtualClock {
  scheduled = 0;
  override schedule(delayMs: number, action: () => void): Timer {
    this.scheduled += 1;
    return super.schedule(delayMs, action);
  }
}

test('changes that never come to rest are told all the same', async (context) => {
  const directory = makePlace(context);
  mkdirSync(directory);
  const clock = new CountingClock();
  let told = 0;
  const watch = watchTree(directory, clock, {
    onChange: () => {
      told += 1;
    },
    onFlood: () => assert.fail('a flood'),
    onFailed: (reason) => assert.fail(reason),
  });
  context.after(() => watch.close());
  await eventuallyWithin(MS_MAX, 'it watches', () => clock.scheduled > 0);
  for (let passedMs = 0; passedMs < 2000; passedMs += 200) {
    const before = clock.scheduled;
    writeFileSync(join(directory, `f${passedMs}`), 'x');
    await eventuallyWithin(MS_MAX, 'the change is seen', () => clock.scheduled > before);
    assert.equal(told, 0);
    clock.advance(200);
  }
  assert.equal(told, 1);
});

test('a watch ends when more changes come than it takes in', async (context) => {
  const directory = makePlace(context);
  mkdirSync(directory);
  const clock = new VirtualClock();
  let floods = 0;
  const watch = watchTree(directory, clock, {
    onChange: () => undefined,
    onFlood: () => {
      floods += 1;
    },
    onFailed: (reason) => assert.fail(reason),
  });
  context.after(() => watch.close());
  await eventuallyWithin(MS_MAX, 'it watches', () => clock.pending > 0);
  makeManyFiles(join(directory, 'many'), CHANGES_MAX + 100);
  await eventuallyWithin(MS_MAX, 'the flood is noticed', () => floods > 0);
  assert.equal(clock.pending, 0);
  assert.equal(floods, 1);
});
