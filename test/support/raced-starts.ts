// Two racks that are started at the same moment on one state directory, again and again: one serves, and the other says why it does not.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually, type RunningRack } from './running-rack.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
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
export async function raceStarts(rack: RunningRack, rounds: number): Promise<void> {
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
