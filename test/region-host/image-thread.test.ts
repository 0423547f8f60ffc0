// The thread of images and its clients: a socket for everybody of this user, refusals that reach a client that still sends, paths of
// another process.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { askEngine } from '../../src/control/ask-engine.ts';
import { NO_PROXY } from '../../src/images/download/settings.ts';
import type { EngineEndpoint } from '../../src/images/engine/protocol.ts';
import { holdTree } from '../../src/images/engine/tree-lock.ts';
import type { GivenContent } from '../../src/images/engine/works.ts';
import { ImageThread } from '../../src/region-host/imports/image-thread.ts';
import { unsignedStream } from '../support/offers.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const scratch = mkdtempSync(join(tmpdir(), 'rackboot-image-thread-'));
const thread = new ImageThread();
after(async () => {
  await thread.end();
  rmSync(scratch, { recursive: true });
});

let stateDir = '';
let tree = '';
beforeEach(async () => {
  await thread.end();
  stateDir = mkdtempSync(join(scratch, 'state-'));
  tree = mkdtempSync(join(scratch, 'tree-'));
});

const io = (content?: GivenContent) => ({
  signal: new AbortController().signal,
  report: () => undefined,
  content,
});

/** Pieces of a file of this many bytes, in the same memory, as those of a real one. */
const contentOf = (bytes: number): GivenContent => ({
  bytes,
  async *pieces() {
    const piece = Buffer.alloc(1024 * 1024);
    for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
  },
});

const sweep = (door: EngineEndpoint) => askEngine(door, 'sweep', {}, io());

test('two commands at once have their works done, by a socket that is all that the state directory gets', async () => {
  const doors = await Promise.all([thread.open(stateDir, tree), thread.open(stateDir, tree)]);
  assert.deepEqual(await Promise.all(doors.map(sweep)), [0, 0]);
  assert.deepEqual(readdirSync(stateDir), ['images.sock']);
  assert.equal(statSync(join(stateDir, 'images.sock')).mode & 0o777, 0o600);
});

test('the socket fits into each state directory into which the control socket does', async () => {
  const path = join(stateDir, 'd'.repeat(107 - '/rackboot.sock'.length - stateDir.length - 1));
  mkdirSync(path);
  assert.equal(await sweep(await thread.open(path, tree)), 0);
});

test('a socket that cannot be opened is told, and the next attempt opens it', async () => {
  const path = join(stateDir, 'missing');
  await assert.rejects(thread.open(path, tree), { code: 'socket-refused', message: /ENOENT|EACCES/ });
  mkdirSync(path);
  assert.equal(await sweep(await thread.open(path, tree)), 0);
});

test('a relative path is refused: it would be one of the daemon', async () => {
  const { socket } = await thread.open(stateDir, tree);
  await assert.rejects(sweep({ socket, tree: 'tree' }), { code: 'bad-argument' });
});

test('a refusal reaches a client that still sends, which then stops', async () => {
  const door = await thread.open(stateDir, tree);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield Buffer.alloc(16 * 1024);
      // On a busy host, it has sent more before it hears what has come.
      Atomics.wait(clock, 0, 0, 50);
      yield Buffer.alloc(16 * 1024);
      await nextTurn();
    }
  }
  for (let round = 0; round < 5; round += 1)
    await assert.rejects(askEngine(door, 'bundle', { fileName: 'huge.tar' }, io({ bytes: 2 ** 60, pieces })), {
      code: 'store-unwritable',
    });
});

test('the fault of a file that changes while it is sent is the result', async () => {
  const door = await thread.open(stateDir, tree);
  const content = contentOf(1024 * 1024);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield* content.pieces();
    throw new Error('it changed');
  }
  await assert.rejects(askEngine(door, 'bundle', { fileName: 'a.tar' }, io({ ...content, pieces })), /it changed/);
});

test('a large file is sent without a warning', async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  const door = await thread.open(stateDir, tree);
  await assert.rejects(askEngine(door, 'bundle', { fileName: 'a.tar' }, io(contentOf(64 * 1024 * 1024))), {
    message: /not a whole bundle/,
  });
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});

test('a source is asked while another process holds the tree, which nothing may change then', async () => {
  // Another thread is as another process: it has a lock of its own.
  const hold = await holdTree(tree);
  try {
    await assert.rejects(thread.do('sweep', tree, {}), { code: 'already-running' });
    const source = unsignedStream({ name: 'silent', url: 'http://127.0.0.1:1/' });
    const { images, problems } = await thread.do('list-offers', tree, { source, configured: {}, proxy: NO_PROXY });
    assert.deepEqual([images, problems.length], [[], 1]);
  } finally {
    hold.release();
  }
});

test('works of one process on a tree and on a link to it do not refuse each other', async () => {
  const link = join(scratch, 'link');
  symlinkSync(tree, link);
  const first = await holdTree(tree);
  const second = await holdTree(link);
  second.release();
  first.release();
});

/** A thread that hangs after its first message. */
const HANGING = new URL(
  `data:text/javascript,${encodeURIComponent("require('node:worker_threads').parentPort.on('message', () => undefined)")}`,
);
const ORDER = { workDir: '/', configured: {}, sources: [], images: [], bytesPerSecondMax: undefined, httpProxy: '' };

test('a run that does not stop, or a removal that does not end, ends the thread after a while, and the next run can begin', async () => {
  const clock = new VirtualClock();
  const hanging = new ImageThread(HANGING, clock);
  const isOverdue = { endKind: 'overdue', cause: new Error('an import did not stop within 20 s') };
  const isOpen = (work: Promise<unknown>): Promise<boolean> =>
    Promise.race([work.catch(() => false).then(() => false), nextTurn(true)]);
  const stop = new AbortController();
  const { done } = hanging.run({ ...ORDER, tree }, { signal: stop.signal });
  stop.abort();
  clock.advance(19_999);
  assert.ok(await isOpen(done));
  clock.advance(1);
  await assert.rejects(done, isOverdue);
  const next = hanging.run({ ...ORDER, tree }, {});
  next.sendCommand({ drop: 'ubuntu/noble' }, new Promise(() => undefined));
  clock.advance(20_000);
  await assert.rejects(next.done, isOverdue);
  const last = hanging.run({ ...ORDER, tree }, {});
  clock.advance(60_000);
  assert.ok(await isOpen(last.done));
  await Promise.all([hanging.end(), assert.rejects(last.done, { endKind: 'closed' })]);
});
