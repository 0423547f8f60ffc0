// Locks that another process holds: it is named, and a wait for it leaves the event loop its turns, even if it is stopped.
// @host waits

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { lockImport, waitForImports } from '../../src/images/file-lock.ts';
import { partLockPath, writePart } from '../../src/images/uploads/upload-part.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { COUNTED } from '../support/counted-piece.ts';

const LOCKS = new URL('../../src/images/file-lock.ts', import.meta.url).href;
const UPLOAD = { id: 7, sha256: 'ab'.repeat(32) };

let tree = '';
let holder: ChildProcess | undefined;
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-lock-test-'));
});
afterEach(async () => {
  if (holder !== undefined) await endProgram(holder, 'SIGKILL');
  holder = undefined;
  rmSync(tree, { recursive: true, force: true });
});

/** Starts a process that locks a file, and stays. @returns its id */
async function holdLock(path: string): Promise<number> {
  mkdirSync(dirname(path), { recursive: true });
  const script = `import { tryLock } from '${LOCKS}';
    globalThis.held = tryLock('${path}', 0);
    process.stdout.write('held');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 2] });
  holder = child;
  const { stdout } = child;
  assert.ok(stdout);
  await whileRunning(child, once(stdout, 'data'));
  return child.pid ?? 0;
}

test('a piece of an upload is refused, with the remedy, if a stopped process holds the lock of the locks', async () => {
  const lock = join(dirname(dirname(partLockPath(tree, UPLOAD))), '.imports.lock');
  const pid = await holdLock(lock);
  holder?.kill('SIGSTOP');
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 100);
  const content = (async function* () {
    yield Buffer.from('x');
  })();
  try {
    await assert.rejects(writePart(tree, UPLOAD, { at: 0, bytes: 1, content, ...COUNTED }), {
      code: 'store-unwritable',
      message: `process ${pid} has held ${lock} for 5 s: end it (\`fuser ${lock}\` shows it), then repeat this`,
    });
  } finally {
    clearInterval(timer);
  }
  assert.ok(turns > 10, `the event loop had ${turns} turns meanwhile`);
});

test('an import names the process that has its file locked: at once, or once after two seconds of waiting', async () => {
  const path = join(tree, 'images', '.downloads', 'one.lock');
  const pid = await holdLock(path);
  await assert.rejects(lockImport(path, 'ubuntu/noble'), {
    code: 'already-running',
    message: `process ${pid} is importing ubuntu/noble: wait for it, or stop it`,
  });
  const said: string[] = [];
  const begunMs = Date.now();
  const waiting = waitForImports([path], 'ubuntu/noble', {
    onWait: (known) => {
      said.push(`${known} after ${Date.now() - begunMs >= 1900 ? 'two seconds' : 'less'}`);
      setTimeout(() => holder?.kill('SIGKILL'), 600);
    },
  });
  (await waiting).release();
  assert.deepEqual(said, [`${pid} after two seconds`]);
});
