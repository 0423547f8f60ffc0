import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ended, endProgram, whileRunning } from './child.ts';

const TESTS = dirname(import.meta.dirname);
/** Longer than any of these tests may take. */
const IDLE = ['-e', 'setTimeout(() => {}, 60_000)'];

test('the end of a program that has already ended is reported immediately', async () => {
  const child = spawn(process.execPath, ['-e', 'process.exit(3)'], { stdio: 'ignore' });
  await once(child, 'close');
  assert.equal(await ended(child), 3);
  assert.equal(await endProgram(child), 3);
});

test('a program that cannot be started counts as ended', async () => {
  const child = spawn('/nowhere/at/all', [], { stdio: 'ignore' });
  child.once('error', () => undefined);
  assert.equal(await ended(child), null);
});

test('waiting for a program fails as soon as the program ends', async () => {
  const child = spawn(process.execPath, ['-e', 'process.exit(7)'], { stdio: 'ignore' });
  await assert.rejects(
    whileRunning(child, new Promise(() => undefined), () => 'its words'),
    /ended \(exit code 7\): its words/,
  );
});

test('waiting for a program succeeds while the program runs', async () => {
  const child = spawn(process.execPath, IDLE, { stdio: 'ignore' });
  assert.equal(await whileRunning(child, Promise.resolve('had')), 'had');
  assert.equal(await endProgram(child, 'SIGKILL'), null);
});

// A listener added after the end waits forever: `exit` was emitted before.
test('tests wait for the end of a program only through this file', () => {
  const waiting = /await once\([\w.#]+, 'exit'\)|\.once\('exit', resolve\)/;
  const files = globSync('**/*.ts', { cwd: TESTS }).filter((file) =>
    waiting.test(readFileSync(join(TESTS, file), 'utf8')),
  );
  assert.deepEqual(
    files.filter((file) => !file.startsWith('support/child.')),
    [],
    'use ended() or endProgram() of test/support/child.ts',
  );
});
