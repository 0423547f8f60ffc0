// `rackboot … | head -1`: a command whose output is no longer read ends silently.
// @host waits

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { RunningRack } from '../support/running-rack.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
/** 128 and the number of SIGPIPE, as a shell reports a program that this signal ended. */
const CLOSED = 141;
const MS_MAX = 60_000;
const END_MS_MAX = 20_000;

interface Outcome {
  readonly code: unknown;
  readonly complaints: string;
  readonly output: string;
}

/** Runs a command and closes the reading end of its standard output after `lines` lines. */
async function runAndLeave(
  args: readonly string[],
  lines: number,
  variables: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
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
  assert.equal(signal, null, 'it ended by itself');
  return { code, complaints, output };
}

describe('a command whose output is no longer read ends quietly', { skip: missing('linux') }, () => {
  const rack = new RunningRack(labPlace(18));
  before(() => rack.startWhole());
  after(() => rack.remove());

  for (const words of [['status'], ['doctor'], ['machines', 'list'], ['leases', 'list', '--json']]) {
    test(`${words.join(' ')}, before its first line`, { timeout: MS_MAX }, async () => {
      const { code, complaints } = await runAndLeave([...words, '--config', rack.configFile], 0);
      assert.equal(complaints, '');
      assert.equal(code, CLOSED);
    });
  }

  test('doctor, after its first line', { timeout: MS_MAX }, async () => {
    const { code, complaints, output } = await runAndLeave(['doctor', '--config', rack.configFile], 1);
    assert.match(output, /^(ok|BAD) /);
    assert.equal(complaints, '');
    assert.equal(code, CLOSED);
  });
});

describe('the lab, when its output is closed', { skip: missing('linux') }, () => {
  // Lines after which the machine does something else: DHCP, files, the report. Behind the sixth comes all that there is, at once.
  for (const lines of [1, 3, 5]) {
    test(`after ${lines} lines, ends soon and leaves no directory and no daemon`, { timeout: MS_MAX }, async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'rackboot-closed-'));
      t.after(() => rmSync(directory, { recursive: true }));
      const { complaints, output } = await runAndLeave(['lab'], lines, { TMPDIR: directory });
      assert.equal(complaints, '');
      assert.notEqual(output, '');
      assert.deepEqual(readdirSync(directory), []);
    });
  }
});
