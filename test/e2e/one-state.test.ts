// Two daemons on one state directory, of which neither sees the other's network: containers that share a volume. The second changes
// nothing and serves no client.
// @host waits

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { raceStarts } from '../support/raced-starts.ts';
import { RunningRack } from '../support/running-rack.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
/** How often two racks are started at once. */
const RACES = 2;
describe('a state directory that a rack of another network namespace uses', {
  skip: missing('root', 'unshare'),
}, () => {
  let rack: RunningRack;
  before(async () => {
    rack = new RunningRack(labPlace(48));
    await rack.start();
  });
  after(() => rack.remove());

  test('is left alone by the second rack, which opens nothing', async () => {
    const second = spawn('unshare', ['-n', '-m', process.execPath, MAIN, 'run', '--config', rack.configFile]);
    let [out, err] = ['', ''];
    second.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString('utf8');
    });
    second.stderr.on('data', (bytes: Buffer) => {
      err += bytes.toString('utf8');
    });
    const code = await new Promise<number | null>((resolve) => second.on('close', resolve));
    assert.equal(code, 1);
    assert.match(err, new RegExp(`another Rackboot already runs here for .*\\(process ${rack.pid}\\); stop it first`));
    assert.doesNotMatch(out, /listening|socket-open/, 'no door was opened');
    assert.equal((await rack.status()).journal.available, true);
  });
});

describe('two racks that are started at the same moment on one state directory', {
  skip: missing('root', 'unshare', 'ip'),
}, () => {
  let rack: RunningRack;
  before(() => {
    rack = new RunningRack(labPlace(49));
  });
  after(() => rack.remove());

  test('end as one that serves and one that says why it does not', async () => {
    await raceStarts(rack, RACES);
  });
});
