// A file that a command did not fill does not stay, whatever ended the command.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fillNewFile } from '../../../src/cli/images/new-file.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-new-file-'));
after(() => rmSync(place, { recursive: true }));

test('a filled file stays, and one whose filling fails is removed', async () => {
  const path = join(place, 'whole -x.tar');
  assert.equal(await fillNewFile(path, async (file) => (await file.write('all of it')).bytesWritten), 9);
  assert.equal(readFileSync(path, 'utf8'), 'all of it');
  const failed = join(place, '-failed.tar');
  const filling = fillNewFile(failed, async (file) => {
    await file.write('a part');
    throw new Error('no more');
  });
  await assert.rejects(filling, /no more/);
  assert.equal(existsSync(failed), false);
});

test('a place that cannot be written is named as such, with a remedy', async () => {
  const fill = (): never => assert.fail('there is no file to fill');
  // Nobody may make a file there, not even root.
  await assert.rejects(fillNewFile('/proc/images.tar', fill), {
    code: 'store-unwritable',
    message: /^\/proc\/images\.tar cannot be written \(E[A-Z]+\): name a file in a directory where \S+ may write$/,
  });
  await assert.rejects(fillNewFile(join(place, 'none', 'images.tar'), fill), {
    code: 'not-found',
    message: /none\/images\.tar cannot be written: .*\S+\/none does not exist/,
  });
});

test('a killed command leaves none', { timeout: 60_000 }, async () => {
  const path = join(place, 'killed.tar');
  const module = JSON.stringify(new URL('../../../src/cli/images/new-file.ts', import.meta.url).href);
  const fill =
    "async (file) => { await file.write('a part'); console.log('begun'); setInterval(() => {}, 1000); await new Promise(() => {}); }";
  const script = `const { fillNewFile } = await import(${module}); await fillNewFile(${JSON.stringify(path)}, ${fill});`;
  const command = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(command.stdout, 'data');
  assert.ok(existsSync(path));
  command.kill('SIGKILL');
  while (existsSync(path)) await wait(20);
});
