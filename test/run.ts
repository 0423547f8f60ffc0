// `npm test`: runs every suite this host can run, in parallel where files allow it (host-share.ts); prints a line per finished
// file; files of one folder that share a process get one line for the folder.
// A failure is printed in full when its file is over. At the end each has one line; then come the skipped tests with what they would need,
// and the time of everything.
// `node bin/with-node.js test/run.ts unit` runs one suite; the path of a test file in its place, that file. With CI=true a skipped test is a
// failure, and up to REPEATED_MAX files that fail run once more, alone: the host is shared, and some tests are about time. Their first
// failures are listed apart.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, globSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cachePlace } from '../bin/cache-place.js';
import { declaredShare, HOST_PARTS, type HostShare, isOnDisk } from './support/host-share.ts';
import { IdleTime } from './support/idle-time.ts';
import type { FileLine } from './support/line-reporter.ts';
import { hasRoomInMemory, MEMORY_ROOT } from './support/memory-place.ts';
import { NO_MIRROR, reachesMirror, withoutMirrorText } from './support/needs.ts';
import { RUN_VARIABLE } from './support/process-tree.ts';
import { endRun, guardRun, PLACE_PREFIX } from './support/run-end.ts';
import { type Limits, runTests } from './support/test-process.ts';

interface Suite extends Limits {
  readonly name: string;
  /** Folders of `test/`. */
  readonly folders: readonly string[];
}

/** The work of one process: test files, or a program of its own. */
interface Job {
  readonly suite: Suite;
  readonly label: string;
  readonly files: readonly string[];
  readonly program?: readonly string[];
  /** Of HOST_PARTS. */
  readonly parts: number;
  /** How long it is expected to take; 0: not known. */
  readonly seconds: number;
}

const ROOT = dirname(import.meta.dirname);
const BIN = join(ROOT, 'node_modules', '.bin');
const CI = process.env.CI === 'true';
/** With CI=true the whole run ends here, so that what it printed can be read. */
const RUN_MS_MAX = 50 * 60_000;
/** Files whose seconds are printed at the end. */
const LONGEST_PRINTED = 40;
/** Files of a run that may fail once. More point to a defect, so that nothing is run again. */
const REPEATED_MAX = 3;
/** Share of undeclared files, and of a check, in parts of the host. */
const UNIT_PARTS = 4;
const CHECK_PARTS = 6;
/** Jobs that the processors have time for beyond the parts of the host, in parts of it. */
const SPARE_PARTS = 4;
/** The idle share of the processors' time, since the last job began, that permits another. */
const IDLE_SHARE_MIN = 0.2;
const IDLE_LOOK_MS = 3000;
const MINUTE_MS = 60_000;

const within = (folder: string): readonly string[] => globSync(`test/${folder}/**/*.test.ts`, { cwd: ROOT });

const APART: readonly Suite[] = [
  { name: 'e2e', folders: ['e2e'], timeoutMs: 20 * MINUTE_MS, silentMs: 25 * MINUTE_MS },
  { name: 'hostile', folders: ['hostile'], timeoutMs: 10 * MINUTE_MS, silentMs: 15 * MINUTE_MS },
  { name: 'page', folders: ['page'], timeoutMs: 10 * MINUTE_MS, silentMs: 15 * MINUTE_MS },
];
const UNIT: Suite = { name: 'unit', folders: [], timeoutMs: 10 * MINUTE_MS, silentMs: 15 * MINUTE_MS };
const CHECK: Suite = { name: 'check', folders: [], timeoutMs: 10 * MINUTE_MS, silentMs: 15 * MINUTE_MS };
const LONG: Suite = {
  name: 'long',
  folders: ['long', 'hostile'],
  timeoutMs: 60 * MINUTE_MS,
  silentMs: 180 * MINUTE_MS,
};

/** Format, lint and types. */
const CHECKS: readonly Job[] = [
  { label: 'format and lint', program: ['biome', 'check', '.'] },
  { label: 'types', program: ['tsc', '--noEmit'] },
  { label: 'types of what browsers run', program: ['tsc', '--noEmit', '--project', 'src/web'] },
].map((check) => ({ ...check, suite: CHECK, files: [], parts: CHECK_PARTS, seconds: 0 }));

/** Files of one directory share a process. */
function unitJobs(): readonly Job[] {
  const apart = [...APART, LONG].flatMap((suite) => suite.folders);
  const together = new Map<string, string[]>();
  const own: Job[] = [];
  for (const file of globSync('test/**/*.test.ts', { cwd: ROOT }).sort()) {
    const [, folder = ''] = file.split('/');
    if (apart.includes(folder)) continue;
    if (declaredShare(join(ROOT, file)) !== undefined) own.push(jobOf(UNIT, file));
    else together.set(dirname(file), [...(together.get(dirname(file)) ?? []), file]);
  }
  const shared = [...together].map(([directory, files]): Job => {
    const label = directory.replace(/^test\//, '');
    return { suite: UNIT, label, files, parts: UNIT_PARTS, seconds: files.length };
  });
  return [...shared, ...own];
}

function shareOf(file: string): HostShare {
  const share = declaredShare(join(ROOT, file));
  if (share === undefined) throw new Error(`${file}: declare what it shares, as test/support/host-share.ts says`);
  return share;
}

function jobOf(suite: Suite, file: string): Job {
  const share = shareOf(file);
  return { suite, label: labelOf(file), files: [file], parts: share.parts, seconds: share.seconds };
}

function jobsOf(suite: Suite): readonly Job[] {
  if (suite === UNIT) return unitJobs();
  const jobs = suite.folders.flatMap(within).map((file) => jobOf(suite, file));
  return suite === LONG ? [...jobs.filter(({ files }) => !hasMoreRounds(files[0] ?? '')), ...manyRounds()] : jobs;
}

const hasMoreRounds = (file: string): boolean => declaredShare(join(ROOT, file))?.hasMoreRounds === true;

/** Files of all folders that do more in the long suite. */
const manyRounds = (): readonly Job[] =>
  globSync('test/**/*.test.ts', { cwd: ROOT })
    .filter(hasMoreRounds)
    .map((file) => ({ ...jobOf(LONG, file), parts: HOST_PARTS }));

/** A file that is named by its path. */
function singleJob(file: string): Job {
  const [, folder = ''] = file.split('/');
  const suite = [...APART, LONG].find(({ folders }) => folders.includes(folder));
  return suite === undefined
    ? { suite: UNIT, label: labelOf(file), files: [file], parts: UNIT_PARTS, seconds: 0 }
    : jobOf(suite, file);
}

/**
 * The checks first; then files that keep a processor busy, the longest first, so that all others run at the same time; then each that has the host
 * to itself.
 */
const inOrder = (jobs: readonly Job[]): Job[] => {
  const rank = ({ parts, seconds, suite }: Job): number => {
    if (suite === CHECK) return -1;
    if (parts === HOST_PARTS) return 3;
    if (suite === UNIT) return 1;
    return seconds > 0 ? 0 : 2;
  };
  return [...jobs].sort((a, b) => rank(a) - rank(b) || b.seconds - a.seconds || (a.label < b.label ? -1 : 1));
};

const failures: string[] = [];
/** Jobs that failed once, with what failed in them. */
const doubtful: [job: Job, failures: readonly string[]][] = [];
const skipped: string[] = [];
const took: [label: string, seconds: number][] = [];
let cpuSeconds = 0;
let passed = 0;

/** Runs a program of its own, whose output is shown. */
async function runProgram({ label, program: [command = '', ...args] = [] }: Job): Promise<void> {
  const [status] = await once(spawn(join(BIN, command), args, { cwd: ROOT, stdio: 'inherit' }), 'close');
  if (status === 0) passed += 1;
  else failures.push(label);
  console.log(`${status === 0 ? '✔' : '✖'} ${label}`);
}

/** The name of a test file in the output. */
const labelOf = (file: string): string => file.replace(/^test\//, '').replace(/\.test\.ts$/, '');

const testsOf = (count: number): string => `${count} ${count === 1 ? 'test' : 'tests'}`;

/**
 * The temporary directory of a job: in memory if that has room, because racks and regions flush their files many times a second. The files of a
 * killed process are as safe there as on a disk. Files of the long suite are large.
 */
function placeOf({ suite, files }: Job): string {
  const isInMemory = suite !== LONG && hasRoomInMemory() && !files.some((file) => isOnDisk(resolve(ROOT, file)));
  return (isInMemory ? process.env.RACKBOOT_TEST_MEMORY : undefined) ?? tmpdir();
}

/** Progress within a process that runs several files. */
function printFile({ file, passed, failed, seconds }: FileLine): void {
  const tests = failed === 0 ? testsOf(passed) : `${failed} failed`;
  console.log(`${failed === 0 ? '✔' : '✖'} ${labelOf(file).padEnd(32)} ${tests.padEnd(10)} ${inSeconds(seconds)} s`);
}

const inSeconds = (seconds: number): string => seconds.toFixed(1).padStart(6);

async function runJob(job: Job, left: () => number, isFirst = true): Promise<void> {
  const { suite, label, files } = job;
  if (suite === CHECK) return await runProgram(job);
  // The line of a job with one file says the same.
  const onFile = files.length > 1 ? printFile : undefined;
  const name = `${suite.name}-${label.replaceAll('/', '-')}`;
  const result = await runTests(files, suite, name, { place: placeOf(job), isLong: suite === LONG, onFile });
  const isGood = result.failures.length === 0;
  const isRepeated = !isGood && isFirst && CI;
  if (isRepeated) doubtful.push([job, result.failures]);
  else {
    passed += result.passed;
    failures.push(...result.failures);
  }
  if (!isRepeated) skipped.push(...result.skipped);
  took.push([label, result.seconds]);
  cpuSeconds += result.cpuSeconds;
  const isSkipped = isGood && result.passed === 0 && result.skipped.length > 0;
  const tests = isSkipped ? 'skipped' : testsOf(result.passed);
  console.log(
    `${isSkipped ? '–' : isGood ? '✔' : '✖'} ${label.padEnd(32)} ${tests.padEnd(10)} ${inSeconds(result.seconds)} s ${inSeconds(result.cpuSeconds)} s of a processor   ${left()} left`,
  );
  for (const remark of result.remarks) console.log(`    ${remark}`);
  for (const failure of result.failures) console.log(`✖ ${failure}`);
}

/** Runs all jobs, as many at a time as the parts of the host allow; one more of the small ones whenever the processors were idle. */
async function runJobs(jobs: Job[]): Promise<void> {
  const running = new Set<Promise<void>>();
  const idle = new IdleTime();
  let free = HOST_PARTS;
  while (jobs.length > 0 || running.size > 0) {
    // The first that fits. Those that need the whole host are the last in the list, so nothing keeps it from them for ever.
    const fitting = jobs.findIndex(({ parts }) => parts <= free);
    const partsMax = Math.min(UNIT_PARTS, free + SPARE_PARTS);
    const isSpare = fitting === -1 && idle.share() > IDLE_SHARE_MIN;
    const next = isSpare ? jobs.findIndex(({ parts }) => parts <= partsMax) : fitting;
    const [job] = next === -1 ? [] : jobs.splice(next, 1);
    if (job === undefined) {
      await Promise.race([...running, sleep(IDLE_LOOK_MS, undefined, { ref: false })]);
      continue;
    }
    idle.restart();
    free -= job.parts;
    const run = runJob(job, () => jobs.length + running.size - 1).finally(() => {
      free += job.parts;
      running.delete(run);
    });
    running.add(run);
  }
}

/** Runs what failed once more, one file at a time, unless too much failed. @returns the failures of the runs before */
async function repeatDoubtful(): Promise<readonly string[]> {
  const found = doubtful.flatMap(([, failures]) => failures);
  if (doubtful.length > REPEATED_MAX) {
    failures.push(...found);
    return [];
  }
  for (const [index, [job]] of doubtful.entries()) await runJob(job, () => doubtful.length - index - 1, false);
  return found;
}

/** Prints the first lines of failures, which were printed in full when their file was over. */
function printList(title: string, list: readonly string[]): void {
  if (list.length > 0) console.log(`\n${title}:\n${list.map((text) => `✖ ${text.split('\n', 1)}`).join('\n')}`);
}

/** The temporary directories of this run, on disk and in memory, which go with it, however it ends. */
function makeScratch(): void {
  const parents = [tmpdir(), ...(existsSync(MEMORY_ROOT) ? [MEMORY_ROOT] : [])];
  const places: string[] = [];
  // Before the first directory is made: a signal would leave it.
  process.on('exit', () => {
    const [scratch] = places;
    if (scratch !== undefined) endRun(scratch, places);
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => process.exit(1));
  for (const parent of parents) {
    const place = mkdtempSync(join(parent, PLACE_PREFIX));
    places.push(place);
    // Some tests drop root.
    chmodSync(place, 0o1777);
  }
  const [scratch = tmpdir(), memory] = places;
  process.env.TMPDIR = scratch;
  process.env[RUN_VARIABLE] = scratch;
  if (memory !== undefined) process.env.RACKBOOT_TEST_MEMORY = memory;
  guardRun(scratch, places);
}

const wanted = process.argv.slice(2);
const paths = wanted.filter((word) => word.endsWith('.test.ts'));
const ALL_SUITES: readonly Suite[] = [UNIT, ...APART, LONG];
const NAMES: readonly string[] = ['check', ...ALL_SUITES.map(({ name }) => name)];
const unknown = [
  ...wanted.filter((word) => !paths.includes(word) && !NAMES.includes(word)).map((word) => `no such suite: ${word}`),
  ...paths.filter((path) => !existsSync(path)).map((path) => `no such file: ${path}`),
];
if (unknown.length > 0) {
  console.error(`${unknown.join('\n')}\nWrite paths of test files, or suites: ${NAMES.join(', ')}`);
  process.exit(2);
}
const suites = ALL_SUITES.filter(({ name }) => (wanted.length === 0 ? name !== 'long' : wanted.includes(name)));
const isChecked = wanted.length === 0 || wanted.includes('check');
const single = paths.map((path) => singleJob(relative(ROOT, resolve(path))));
// Every test file and every daemon of a test reads the same source: compiled once, a third to a half of their processor time is saved.
process.env.NODE_COMPILE_CACHE ??= join(cachePlace(), 'rackboot-tests');
makeScratch();
// A test that makes a directory in the root of the host, where root may, changes what the others find there.
const atRoot = new Set(readdirSync('/'));
if (CI) {
  setTimeout(() => {
    console.error(`✖ the run did not end within ${RUN_MS_MAX / MINUTE_MS} min`);
    process.exit(1);
  }, RUN_MS_MAX).unref();
}
// Asked once for all files: each would wait for a mirror that does not answer.
if (suites.some(({ name }) => name === 'e2e' || name === 'long')) reachesMirror();
await runJobs(inOrder([...(isChecked ? CHECKS : []), ...suites.flatMap(jobsOf), ...single]));
const failedOnce = await repeatDoubtful();
for (const name of readdirSync('/')) if (!atRoot.has(name)) failures.push(`a test left /${name}`);

took.sort(([, left], [, right]) => right - left);
const longest = took.slice(0, LONGEST_PRINTED).map(([label, seconds]) => `${label} ${seconds.toFixed(0)} s`);
console.log(`\nLongest: ${longest.join(', ')}`);
if (skipped.length > 0) {
  console.log(`\nSkipped, and what would be needed:\n${skipped.map((line) => `  ${line}`).join('\n')}`);
  const unfetched = skipped.filter((line) => line.includes(NO_MIRROR)).length;
  if (unfetched > 0) console.log(withoutMirrorText(unfetched));
  if (CI) console.log('With CI=true a skipped test is a failure.');
}
printList('Failed once, while other tests ran', failedOnce);
printList('Failed', failures);
const failed = failures.length + (CI ? skipped.length : 0);
const minutes = `${Math.floor(process.uptime() / 60)} min ${Math.floor(process.uptime() % 60)} s`;
console.log(`\nThe tests took ${(cpuSeconds / 60).toFixed(1)} minutes of a processor.`);
console.log(`${passed} passed, ${failed} failed, ${CI ? 0 : skipped.length} skipped, in ${minutes}`);
process.exit(failed === 0 ? 0 : 1);
