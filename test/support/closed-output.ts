// Runs a command whose output is no longer read.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { WITHOUT_WARNING } from '../../bin/daemon-flags.js';
import { systemClock } from '../../src/ground/clock.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
/** Ends a command that hangs. */
const END_MS_MAX = 180_000;

interface Outcome {
  readonly code: unknown;
  readonly complaints: string;
  readonly output: string;
}

/** Runs a command and closes the reading end of its standard output after `lines` lines. */
export async function runAndLeave(
  args: readonly string[],
  lines: number,
  variables: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [WITHOUT_WARNING, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
  });
  let complaints = '';
  let output = '';
  child.stderr.on('data', (bytes: Buffer) => {
    complaints += bytes.toString('utf8');
  });
  if (lines === 0) child.stdout.destroy();
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString('utf8');
    if (output.split('\n').length > lines) child.stdout.destroy();
  });
  const late = systemClock.schedule(END_MS_MAX, () => child.kill('SIGKILL'));
  const [code, signal] = await once(child, 'close');
  late.cancel();
  assert.equal(signal, null, 'it exited, and no signal ended it');
  return { code, complaints, output };
}
