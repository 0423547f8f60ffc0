// Two daemons on one state directory, of which neither sees the other's network: containers that share a volume. The second changes
// nothing and serves no client.
// @host waits

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

/** A network of its own, in which a rack of the lab can serve. */
const ELSEWHERE = ['-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'elsewhere'];

interface Racer {
  readonly child: ChildProcess;
  out: string;
  err: string;
  code: number | null | undefined;
}

/** Starts a rack in a network namespace of its own. */
function race(configFile: string): Racer {
  const child = spawn('unshare', [...ELSEWHERE, process.execPath, MAIN, 'run', '--config', configFile]);
  const racer: Racer = { child, out: '', err: '', code: undefined };
  child.stdout.on('data', (bytes: Buffer) => {
    racer.out += bytes.toString('utf8');
  });
  child.stderr.on('data', (bytes: Buffer) => {
    racer.err += bytes.toString('utf8');
  });
  child.on('close', (code) => {
    racer.code = code;
  });
  return racer;
}

const serves = ({ out }: Racer): boolean => out.includes('daemon.ready');

/** Starts two racks at once, `rounds` times. */
async function raceStarts(rack: RunningRack, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const racers = [race(rack.configFile), race(rack.configFile)];
    await eventually('each serves or has ended', () =>
      racers.every((racer) => serves(racer) || racer.code !== undefined),
    );
    const [winner, ...others] = racers.filter(serves);
    const loser = racers.find((racer) => racer !== winner);
    // The socket file that a killed rack leaves is what the next two find.
    for (const { child } of racers) child.kill('SIGKILL');
    await eventually('both have ended', () => racers.every(({ code }) => code !== undefined));
    assert.equal(others.length, 0, 'both served');
    assert.equal(loser?.code, 1);
    assert.match(loser?.err ?? '', /another Rackboot already runs here for /);
  }
}

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
