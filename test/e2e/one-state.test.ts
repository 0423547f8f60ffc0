// Two daemons on one state directory, of which neither sees the other's network: containers that share a volume. The second changes
// nothing and serves nobody.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { RunningRack } from '../support/running-rack.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

describe('a state directory that a rack of another network namespace uses', {
  skip: missing('root', 'unshare'),
}, () => {
  let rack: RunningRack;
  before(async () => {
    rack = new RunningRack(labPlace(48));
    await rack.start();
  });
  after(() => rack.remove());

  test('is left alone: the second rack opens nothing', { timeout: 30_000 }, async () => {
    const second = spawn('unshare', ['-n', process.execPath, MAIN, 'run', '--config', rack.configFile]);
    let [out, err] = ['', ''];
    second.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString('utf8');
    });
    second.stderr.on('data', (bytes: Buffer) => {
      err += bytes.toString('utf8');
    });
    const code = await new Promise<number | null>((resolve) => second.on('close', resolve));
    assert.equal(code, 1);
    assert.match(err, /another Rackboot answers at /);
    assert.doesNotMatch(out, /listening|socket-open/, 'no door was opened');
    assert.equal((await rack.status()).journal.available, true);
  });
});
