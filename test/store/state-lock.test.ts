// The lock on the state directory: one holder at a time, whom the kernel names, and nothing outside the directory in its way.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { lockState } from '../../src/store/state-lock.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { missing } from '../support/needs.ts';

const NOBODY = 65534;
const MODULE = new URL('../../src/store/state-lock.ts', import.meta.url).href;

let place = '';
let state = '';
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'rackboot-lock-'));
  state = join(place, 'state');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

test('a state directory has one holder at a time, and is made if it is missing', () => {
  const lock = lockState(state);
  assert.throws(() => lockState(state), { code: 'already-running', message: new RegExp(state) });
  lockState(join(place, 'another')).release();
  lock.release();
  lock.release();
  lockState(state).release();
});

test('a lock file is empty and private, even one of another mode, as a reader could lock it', () => {
  mkdirSync(state, { mode: 0o777 });
  const path = join(state, 'rack.lock');
  for (const prepare of [() => undefined, () => chmodSync(path, 0o644)]) {
    prepare();
    const lock = lockState(state);
    const { mode, size } = statSync(path);
    assert.deepEqual([mode & 0o777, size, existsSync(`${path}-journal`)], [0o600, 0, false]);
    assert.throws(() => lockState(state), { code: 'already-running' });
    lock.release();
  }
});

test('a user who may not write the lock file holds no lock', { skip: missing('linux', 'root') }, () => {
  mkdirSync(state, { recursive: true });
  chmodSync(place, 0o755);
  chmodSync(state, 0o777);
  for (const mode of [0o644, 0o444, 0o600]) {
    const path = join(state, 'rack.lock');
    rmSync(path, { force: true });
    writeFileSync(path, '');
    chmodSync(path, mode);
    process.seteuid?.(NOBODY);
    try {
      assert.throws(() => lockState(state), { code: 'store-unwritable', message: /rack\.lock/ }, mode.toString(8));
    } finally {
      process.seteuid?.(0);
    }
  }
});

test('a second holder is told the process of the first, by whatever path it comes, until that is killed', {
  skip: missing('linux'),
}, async () => {
  const code = `const {lockState}=await import('${MODULE}');lockState('${state}');console.log('held');setInterval(()=>{},1000)`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await whileRunning(holder, once(holder.stdout, 'data'));
  const other = join(place, 'other-name');
  symlinkSync(state, other);
  for (const path of [state, other]) {
    assert.throws(() => lockState(path), {
      code: 'already-running',
      message: new RegExp(`for ${path} \\(process ${holder.pid}\\); stop it first`),
    });
  }
  await endProgram(holder, 'SIGKILL');
  lockState(state).release();
});

test('the lock is kept when nobody refers to it any more', { skip: missing('linux') }, async () => {
  const code = `const {lockState}=await import('${MODULE}');lockState('${state}');for(let i=0;i<20;i+=1)globalThis.gc();console.log('held');setInterval(()=>{},1000)`;
  const words = ['--expose-gc', '--input-type=module', '-e', code];
  const holder = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await whileRunning(holder, once(holder.stdout, 'data'));
  assert.throws(() => lockState(state), { code: 'already-running' });
  await endProgram(holder, 'SIGKILL');
});

test('another file in the place of the lock is named, with the remedy', () => {
  mkdirSync(state);
  writeFileSync(join(state, 'rack.lock'), 'x'.repeat(8192));
  assert.throws(() => lockState(state), { code: 'store-broken', message: /rack\.lock is a damaged lock.*move it/ });
});
