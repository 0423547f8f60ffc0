// A killed run of tests leaves no process and no directory: its guard ends them, or the next run.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ended, hasEnded } from './child.ts';
import { eventuallyWithin } from './eventually.ts';
import { missing } from './needs.ts';
import { kill, processesOfRun } from './process-tree.ts';
import { endDeadRuns, nameOwner } from './run-end.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const START_MS_MAX = 60_000;
const END_MS_MAX = 20_000;

/** A test that starts a process in a session of its own, and then cannot notice anything. */
const BUSY = `
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

test('it is busy', () => {
  const { TMPDIR, RACKBOOT_TEST_MEMORY, STARTED } = process.env;
  for (const place of [TMPDIR, RACKBOOT_TEST_MEMORY]) if (place !== undefined) writeFileSync(place + '/left', 'left');
  mkdirSync(TMPDIR + '/mounted');
  execFileSync('mount', ['-t', 'tmpfs', 'rackboot-busy', TMPDIR + '/mounted']);
  execFileSync('ip', ['netns', 'add', 'rb-busy-' + process.pid]);
  spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  writeFileSync(STARTED + '.part', RACKBOOT_TEST_MEMORY ?? '');
  renameSync(STARTED + '.part', STARTED);
  spawnSync('sleep', ['600']);
});
`;

describe('a run of tests that is killed', { skip: missing('linux', 'root', 'mount', 'ip') }, () => {
  let directory = '';
  let run: ChildProcess;
  let namedBefore: readonly string[] = [];
  const scratch = (): string => join(directory, 'scratch');
  const busyNames = (): readonly string[] =>
    existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith('rb-busy-')) : [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'rb-'));
    namedBefore = busyNames();
    mkdirSync(scratch());
    const [file, started] = [join(directory, 'busy.test.ts'), join(directory, 'started')];
    writeFileSync(file, BUSY);
    run = spawn(process.execPath, [join(ROOT, 'test', 'run.ts'), file], {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: scratch(), STARTED: started },
      stdio: 'ignore',
      detached: true,
    });
    await eventuallyWithin(START_MS_MAX, 'the test runs', () => {
      assert.equal(hasEnded(run), false, 'the run ended');
      return existsSync(started) || undefined;
    });
  });
  afterEach(() => {
    if (!hasEnded(run)) kill(run.pid ?? 0);
    for (const pid of processesOfRun(directory)) kill(pid);
    rmSync(directory, { recursive: true, force: true });
  });

  const memory = (): string => readFileSync(join(directory, 'started'), 'utf8');
  /** Waits until nothing is left of the run. */
  const gone = (): Promise<true> =>
    eventuallyWithin(END_MS_MAX, 'nothing is left', () => {
      const isMounted = readFileSync('/proc/self/mounts', 'utf8').includes(`${scratch()}/`);
      const isNamed = busyNames().some((name) => !namedBefore.includes(name));
      const isLeft = isMounted || isNamed || processesOfRun(directory).length > 0 || readdirSync(scratch()).length > 0;
      return isLeft || (memory() !== '' && existsSync(memory())) ? undefined : true;
    });

  test('ends at once with all that it started, even if its test notices nothing', async () => {
    assert.ok(processesOfRun(directory).length > 2);
    kill(run.pid ?? 0);
    await ended(run);
    await gone();
  });

  test('together with its guard is ended by the next run', async () => {
    const guard = processesOfRun(directory).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('run-guard.ts'),
    );
    assert.ok(guard !== undefined, 'the run has a guard');
    endDeadRuns(scratch());
    assert.equal(hasEnded(run), false, 'a live run is left alone');
    assert.equal(readdirSync(scratch()).length, 1);
    kill(guard);
    kill(run.pid ?? 0);
    await ended(run);
    assert.equal(readdirSync(scratch()).length, 1);
    assert.notDeepEqual(processesOfRun(directory), []);
    endDeadRuns(scratch());
    if (memory() !== '') endDeadRuns(dirname(memory()));
    await gone();
  });
});

test('a directory of a live run, of an unknown one or of none is left alone', { skip: missing('linux') }, () => {
  const parent = mkdtempSync(join(tmpdir(), 'rb-'));
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  try {
    const make = (name: string): string => {
      mkdirSync(join(parent, name));
      return join(parent, name);
    };
    for (const [name, owner] of [
      ['rt-living', process.pid],
      ['rt-killed', pid],
      ['other-rt-killed', pid],
    ] as const) {
      nameOwner(make(name), join(parent, 'rt-killed'), owner);
    }
    make('rt-nobody');
    writeFileSync(join(make('rt-broken'), '.run'), '{');
    writeFileSync(join(make('rt-empty1'), '.run'), JSON.stringify({ pid, start: '1', namespace: 'x', scratch: '' }));
    endDeadRuns(parent);
    assert.deepEqual(readdirSync(parent).toSorted(), [
      'other-rt-killed',
      'rt-broken',
      'rt-empty1',
      'rt-living',
      'rt-nobody',
    ]);
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
});
