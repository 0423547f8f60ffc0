// The boot tree in force, with real directories and a virtual clock: how its problems are reported and its changes followed.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { FIRST_SCAN_MS_MAX, LiveTree } from '../../../src/daemon/rack/live-tree.ts';
import { watchTree } from '../../../src/daemon/rack/tree-watch.ts';
import { BootTree } from '../../../src/files/file-tree.ts';
import { TREE_DEPTH_MAX } from '../../../src/files/tree-index.ts';
import type { Timer } from '../../../src/ground/clock.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { makeManyFiles } from '../../support/many-files.ts';
import { MEMORY_PLACE } from '../../support/memory-place.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const MS_MAX = 20_000;
// The bounds, written out: raising one fails a test here.
const [WATCHED_ENTRIES_MAX, CHANGES_MAX] = [5000, 5000] as const;

function makePlace(context: TestContext): string {
  const place = mkdtempSync(join(MEMORY_PLACE, 'rackboot-live-'));
  context.after(() => rmSync(place, { recursive: true, force: true }));
  return join(place, 'boot');
}

/** Opens a tree; `kinds` collects its events. */
function begin(context: TestContext, directory: string) {
  const clock = new VirtualClock();
  const events: RackEvent[] = [];
  const opening = LiveTree.open(directory, { clock, publish: (event) => void events.push(event) });
  context.after(async () => (await opening).close());
  return { clock, opening, kinds: () => events.map(({ kind }) => kind) };
}

test('a missing tree is created', async (context) => {
  const { opening, kinds } = begin(context, makePlace(context));
  const tree = await opening;
  assert.equal(tree.problem, undefined);
  assert.deepEqual(kinds(), []);
});

test('a tree that cannot be created, or is a file, is a problem that ends once it can be read', async (context) => {
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

test('a start waits for a hanging disk up to its bound, and the tree is served once the disk answers', async (context) => {
  const directory = makePlace(context);
  mkdirSync(directory);
  writeFileSync(join(directory, 'kernel'), 'x');
  const { clock, opening, kinds } = begin(context, directory);
  // Before the system could answer.
  clock.advance(FIRST_SCAN_MS_MAX);
  const tree = await opening;
  assert.match(tree.problem?.reason ?? '', /was not read within 10 s.*check its disk/);
  assert.equal(tree.hasFile('kernel'), false);
  await eventuallyWithin(MS_MAX, 'it is read', () => tree.problem === undefined);
  assert.equal(tree.hasFile('kernel'), true);
  assert.deepEqual(kinds(), ['tree.problem', 'tree.served']);
});

test('a tree too large to watch is scanned periodically', async (context) => {
  const directory = makePlace(context);
  makeManyFiles(directory, WATCHED_ENTRIES_MAX + 1);
  const { clock, opening } = begin(context, directory);
  const tree = await opening;
  tree.watch();
  assert.equal(clock.pending, 1, 'the next scan');
  writeFileSync(join(directory, 'late'), 'x');
  clock.advance(60_000);
  await eventuallyWithin(MS_MAX, 'the late file is known', () => tree.hasFile('late'));
});

test('a smaller tree is watched: a change is known once it has settled', async (context) => {
  const directory = makePlace(context);
  const { clock, opening } = begin(context, directory);
  const tree = await opening;
  tree.watch();
  assert.equal(clock.pending, 1, 'only the check of its path');
  writeFileSync(join(directory, 'late'), 'x');
  await eventuallyWithin(MS_MAX, 'the late file is known', () => {
    clock.advance(250);
    return tree.hasFile('late');
  });
});

/** The trees that are being scanned: the clock stands still meanwhile, or a busy host would seem to have a hanging disk. */
function watchScans(context: TestContext): ReadonlySet<BootTree> {
  const scanned = new Set<BootTree>();
  const { refresh } = BootTree.prototype;
  context.mock.method(BootTree.prototype, 'refresh', async function (this: BootTree): Promise<void> {
    scanned.add(this);
    try {
      await refresh.call(this);
    } finally {
      scanned.delete(this);
    }
  });
  return scanned;
}

/** Follows a tree with `file`; `soon` advances the clock until a path is known. */
async function follow(context: TestContext, directory: string, file: string) {
  const scanned = watchScans(context);
  const { clock, opening, kinds } = begin(context, directory);
  const tree = await opening;
  assert.equal(tree.hasFile(file), true);
  tree.watch();
  const soon = (path: string, isThere = true) =>
    eventuallyWithin(MS_MAX, `${path} is ${isThere ? '' : 'not '}known`, () => {
      if (![...scanned].some((each) => each.directory === tree.directory)) clock.advance(250);
      return tree.hasFile(path) === isThere;
    });
  // Wait until the watch is complete and earlier changes are scanned: from then on only the watch causes a scan.
  writeFileSync(join(directory, 'first'), 'x');
  await soon('first');
  return { clock, tree, soon, kinds };
}

/** Creates directories, and a file in the last one. */
function put(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'x');
}

describe('a tree behind a symbolic link', () => {
  test('is followed: added and removed files are noticed', async (context) => {
    const place = makePlace(context);
    put(join(`${place}-v1`, 'amd64/kernel'));
    symlinkSync(`${place}-v1`, place);
    const { soon } = await follow(context, place, 'amd64/kernel');
    put(join(`${place}-v1`, 'arm64/kernel'));
    await soon('arm64/kernel');
    rmSync(join(`${place}-v1`, 'amd64'), { recursive: true });
    await soon('amd64/kernel', false);
  });

  test('changes when the link is switched, and the new tree is followed', async (context) => {
    const place = makePlace(context);
    for (const version of ['v1', 'v2']) put(join(`${place}-${version}`, version, 'kernel'));
    symlinkSync(`${place}-v1`, place);
    const { soon, kinds } = await follow(context, place, 'v1/kernel');
    symlinkSync(`${place}-v2`, `${place}-new`);
    renameSync(`${place}-new`, place);
    await soon('v2/kernel');
    await soon('v1/kernel', false);
    put(join(`${place}-v2`, 'late/kernel'));
    await soon('late/kernel');
    put(join(`${place}-v2`, 'late/second'));
    await soon('late/second');
    assert.deepEqual(kinds(), []);
  });

  test('also changes when a link further up is switched', async (context) => {
    const place = makePlace(context);
    for (const version of ['v1', 'v2']) put(join(`${place}-${version}`, 'boot', version));
    symlinkSync(`${place}-v1`, place);
    const { soon } = await follow(context, join(place, 'boot'), 'v1');
    rmSync(place);
    symlinkSync(`${place}-v2`, place);
    await soon('v2');
    put(join(`${place}-v2`, 'boot/late'));
    await soon('late');
  });
});

test('a directory that replaces the tree is noticed and followed', async (context) => {
  const place = makePlace(context);
  put(join(place, 'old'));
  put(join(`${place}-new`, 'new'));
  const { soon } = await follow(context, place, 'old');
  renameSync(place, `${place}-old`);
  renameSync(`${place}-new`, place);
  await soon('new');
  put(join(place, 'amd64/late'));
  await soon('amd64/late');
});

test('changes behind a link inside the tree are noticed, and so is a new target', async (context) => {
  const place = makePlace(context);
  for (const version of ['v1', 'v2']) put(join(place, `.releases/${version}`, version));
  symlinkSync('.releases/v1', join(place, 'amd64'));
  const { soon } = await follow(context, place, 'amd64/v1');
  put(join(place, '.releases/v1/late'));
  await soon('amd64/late');
  symlinkSync('.releases/v2', join(place, 'new'));
  renameSync(join(place, 'new'), join(place, 'amd64'));
  await soon('amd64/v2');
});

describe('a file at the depth limit', () => {
  test('is noticed when it appears', async (context) => {
    const place = makePlace(context);
    put(join(place, 'kernel'));
    const { soon } = await follow(context, place, 'kernel');
    for (const depth of [7, TREE_DEPTH_MAX]) {
      const below = 'd/'.repeat(depth);
      mkdirSync(join(place, below), { recursive: true });
      await soon(`${below}none`, false);
      put(join(place, below, 'first'));
      await soon(`${below}first`);
      put(join(place, below, 'second'));
      await soon(`${below}second`);
    }
  });

  test('is noticed beyond it, behind a link', async (context) => {
    const place = makePlace(context);
    const below = 'd/'.repeat(TREE_DEPTH_MAX + 2);
    put(join(place, below, 'kernel'));
    symlinkSync(below, join(place, 'short'));
    const { clock, opening } = begin(context, place);
    const tree = await opening;
    tree.watch();
    assert.equal(tree.hasFile('short/kernel'), true);
    put(join(place, below, 'late'));
    clock.advance(60_000);
    await eventuallyWithin(MS_MAX, 'the late file is known', () => tree.hasFile('short/late'));
  });
});

describe('a new tree of a reload', () => {
  /** Makes the disk with this directory hang; `answer` ends that. */
  function hang(context: TestContext, directory: string) {
    const answers = Promise.withResolvers<void>();
    let asked = 0;
    const { refresh } = BootTree.prototype;
    context.mock.method(BootTree.prototype, 'refresh', async function (this: BootTree): Promise<void> {
      if (this.directory === directory) {
        asked += 1;
        await answers.promise;
      }
      return refresh.call(this);
    });
    return { answer: () => answers.resolve(), asked: () => asked };
  }

  test('is accepted when its disk does not answer in time, with a problem until it does', async (context) => {
    const [place, next] = [makePlace(context), makePlace(context)];
    put(join(place, 'old'));
    put(join(next, 'new'));
    const { clock, tree, kinds, soon } = await follow(context, place, 'old');
    const disk = hang(context, next);
    let isMoved = false;
    void tree.moveTo(next).then(() => {
      isMoved = true;
    });
    await eventuallyWithin(MS_MAX, 'it moves', () => {
      clock.advance(250);
      return isMoved;
    });
    assert.match(tree.problem?.reason ?? '', /was not read within 10 s.*check its disk/);
    assert.deepEqual([tree.directory, tree.hasFile('old')], [next, false]);
    disk.answer();
    await soon('new');
    assert.deepEqual(kinds(), ['tree.problem', 'tree.served']);
    put(join(next, 'late'));
    await soon('late');
  });

  test('is followed although a scan of the former one never ends', async (context) => {
    const [place, next] = [makePlace(context), makePlace(context)];
    put(join(place, 'old'));
    put(join(next, 'new'));
    const { tree, clock, soon } = await follow(context, place, 'old');
    const disk = hang(context, place);
    put(join(place, 'second'));
    await eventuallyWithin(MS_MAX, 'a look begins', () => {
      clock.advance(250);
      return disk.asked() > 0;
    });
    await tree.moveTo(next);
    assert.equal(tree.hasFile('new'), true);
    put(join(next, 'late'));
    await soon('late');
  });

  test('is refused when it cannot be read, and the former one is still followed', async (context) => {
    const place = makePlace(context);
    put(join(place, 'old'));
    const { tree, soon } = await follow(context, place, 'old');
    await assert.rejects(tree.moveTo(join(place, 'old')), { code: 'tree-unreadable' });
    assert.equal(tree.problem, undefined);
    put(join(place, 'late'));
    await soon('late');
  });
});

/** Counts all timers ever set. */
class CountingClock extends VirtualClock {
  scheduled = 0;
  override schedule(delayMs: number, action: () => void): Timer {
    this.scheduled += 1;
    return super.schedule(delayMs, action);
  }
}

test('changes that never settle are reported nevertheless', async (context) => {
  const directory = makePlace(context);
  mkdirSync(directory);
  const clock = new CountingClock();
  let reported = 0;
  const watch = watchTree(directory, clock, {
    onChange: () => {
      reported += 1;
    },
    onFlood: () => assert.fail('a flood'),
    onFailed: (reason) => assert.fail(reason),
  });
  context.after(() => watch.close());
  await eventuallyWithin(MS_MAX, 'it watches', () => clock.scheduled > 0);
  for (let passedMs = 0; passedMs < 2000; passedMs += 200) {
    const before = clock.scheduled;
    // A file may be seen twice: when it is made and when it is written.
    mkdirSync(join(directory, `d${passedMs}`));
    await eventuallyWithin(MS_MAX, 'the change is seen', () => clock.scheduled > before);
    assert.equal(reported, 0);
    clock.advance(200);
  }
  assert.equal(reported, 1);
});

test('a watch ends when there are too many changes', async (context) => {
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
