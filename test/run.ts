// `npm test`: runs every suite this host can run, prints the seconds of each, and lists what was skipped and what it would need.
// `node test/run.ts unit` runs one suite. With CI=true a skipped test is a failure.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

interface Suite {
  readonly name: string;
  readonly files: readonly string[];
  /** Test files at the same time. */
  readonly concurrency: number;
  /** The longest a single test may take. */
  readonly timeoutMs: number;
  /** The longest a file may take: its process ends then, and says what kept it. */
  readonly fileMs: number;
}

interface Tally {
  passed: number;
  failed: number;
  readonly skipped: string[];
  /** What failed, and why: told again at the end, where it is found. */
  readonly failures: string[];
  /** Seconds of each test file. */
  readonly files: [file: string, seconds: number][];
}

const ROOT = dirname(import.meta.dirname);
const BIN = join(ROOT, 'node_modules', '.bin');
const CI = process.env.CI === 'true';
// Every test file and every daemon of a test reads the same source: compiled once, a third to a half of their processor time is saved.
process.env.NODE_COMPILE_CACHE ??= join(ROOT, 'node_modules', '.cache', 'rackboot-tests');
/** With CI=true the whole run ends here, so that what it printed can be read. */
const RUN_MS_MAX = 50 * 60_000;
/** Test files whose seconds are printed at the end. */
const LONGEST_TOLD = 40;
/** Lines of each failure that are told again at the end. */
const FAILURE_LINES = 60;

const within = (folder: string): string[] => globSync(`test/${folder}/**/*.test.ts`, { cwd: ROOT }).sort();
/** Of the hostile suite; the long one has it as `test/long/neighbour.test.ts`, each case again and again. */
const NEIGHBOUR = 'test/hostile/neighbour.test.ts';
const APART = ['test/e2e/', 'test/long/', 'test/page/', 'test/hostile/'];

const ofE2e = (names: string): readonly string[] => names.split(/\s+/).map((name) => `test/e2e/${name}.test.ts`);

/**
 * End-to-end tests whose emulated machines compute and whose racks wait: two of them run side by side, in this order. The longest begins, and
 * makes the image of Debian while the next makes the boot tree that all of them share.
 */
const MACHINES = ofE2e(`whole-life environment first-boot scripts first-boot-arm64 deploy proxy rescue power-virsh`);

/** End-to-end tests that mostly wait and measure no time of their own: three of them run side by side, after all the others. */
const BESIDE = ofE2e(
  `acknowledged bare-debian boot-tree captures deployment-events clients-dhcp clients-dhcp-loading clients-dhcp-names clients-dhcp-others clients-dhcp-reservations clients-dns clients-files clock closed-output cloud-init commands dhcp
  dns-hostile doctor doctor-host documents flat foreign-dhcp full-disk gomaasapi hints hostile hostile-text identity init kill lab lease-ends leases
  life life-kill log-level notify one-state outbox-disk-full overwriting people power power-check power-life power-owner power-program preseed rack-key region region-disk-full
  region-nonsense region-racks region-streams region-tls region-told reload remote-region remote-settings service settings shared-wire shutdown
  start-failures state-files store-disk-full store-kill systemd tftp tftp-hostile trace`,
);

/** Every other end-to-end test has the host to itself. */
const TOGETHER: ReadonlySet<string> = new Set([...MACHINES, ...BESIDE]);

const SUITES: readonly Suite[] = [
  {
    name: 'unit',
    files: globSync('test/**/*.test.ts', { cwd: ROOT })
      .filter((file) => !APART.some((folder) => file.startsWith(folder)))
      .sort(),
    concurrency: 3,
    timeoutMs: 120_000,
    fileMs: 300_000,
  },
  {
    name: 'e2e',
    files: within('e2e').filter((file) => !TOGETHER.has(file)),
    concurrency: 1,
    timeoutMs: 600_000,
    fileMs: 1_200_000,
  },
  { name: 'e2e', files: MACHINES, concurrency: 2, timeoutMs: 600_000, fileMs: 1_500_000 },
  { name: 'e2e', files: BESIDE, concurrency: 3, timeoutMs: 300_000, fileMs: 600_000 },
  { name: 'hostile', files: within('hostile'), concurrency: 1, timeoutMs: 120_000, fileMs: 600_000 },
  { name: 'page', files: within('page'), concurrency: 1, timeoutMs: 120_000, fileMs: 300_000 },
  {
    name: 'long',
    files: [...within('long'), ...within('hostile').filter((file) => file !== NEIGHBOUR)],
    concurrency: 1,
    timeoutMs: 1_800_000,
    fileMs: 10_800_000,
  },
];

/** Format, lint and types: programs of their own. */
function runChecks(tally: Tally): void {
  for (const [name, command, args] of [
    ['format and lint', 'biome', ['check', '.']],
    ['types', 'tsc', ['--noEmit']],
  ] as const) {
    const { status } = spawnSync(join(BIN, command), args, { cwd: ROOT, stdio: 'inherit' });
    if (status === 0) tally.passed += 1;
    else tally.failed += 1;
    console.log(`${status === 0 ? '✔' : '✖'} ${name}`);
  }
}

async function runSuite(suite: Suite, tally: Tally): Promise<void> {
  if (suite.files.length === 0) return;
  process.env.RACKBOOT_TEST_FILE_MS = String(suite.fileMs);
  const stream = run({
    files: suite.files.map((file) => join(ROOT, file)),
    concurrency: suite.concurrency,
    timeout: suite.timeoutMs,
    cwd: ROOT,
    // The timeout is each test's: a file whose tests are done, but which does not end, would be waited for without limit.
    execArgv: ['--import', join(ROOT, 'test', 'support', 'file-limit.ts')],
  });
  stream.on('test:pass', (event) => {
    // A suite that is skipped has no tests to tell of it.
    const isSuite = event.details.type === 'suite' && event.skip === undefined;
    if (isSuite || event.name.endsWith('.test.ts')) return;
    if (event.skip === undefined) tally.passed += 1;
    else tally.skipped.push(`${event.name}: ${event.skip === true ? 'no reason given' : event.skip}`);
  });
  stream.on('test:fail', (event) => {
    if (event.details.type === 'suite') return;
    tally.failed += 1;
    tally.failures.push(`${event.name} (${relative(ROOT, event.file ?? '')})\n${whyOf(event.details.error)}`);
  });
  stream.on('test:summary', ({ file, duration_ms }) => {
    if (file !== undefined) tally.files.push([relative(ROOT, file), duration_ms / 1000]);
  });
  const shown = stream.compose(new spec());
  shown.pipe(process.stdout, { end: false });
  await new Promise((resolve, reject) => {
    shown.on('end', resolve);
    shown.on('error', reject);
  });
}

/** The first lines of what a failed test says: Node's own error has the test's as its cause. */
function whyOf(error: Error): string {
  const { cause } = error;
  const said = cause instanceof Error ? (cause.stack ?? cause.message) : (error.stack ?? error.message);
  return said
    .split('\n')
    .slice(0, FAILURE_LINES)
    .map((line) => `    ${line}`)
    .join('\n');
}

const wanted = process.argv.slice(2);
const chosen = SUITES.filter(({ name }) => (wanted.length === 0 ? name !== 'long' : wanted.includes(name)));
if (chosen.length === 0 && !wanted.includes('check')) {
  console.error(
    `no such suite: ${wanted.join(' ')}; there are check, ${[...new Set(SUITES.map(({ name }) => name))].join(', ')}`,
  );
  process.exit(2);
}
if (CI) {
  setTimeout(() => {
    console.error(`✖ the run did not end within ${RUN_MS_MAX / 60_000} min`);
    process.exit(1);
  }, RUN_MS_MAX).unref();
}
const tally: Tally = { passed: 0, failed: 0, skipped: [], failures: [], files: [] };
const seconds: string[] = [];
const timed = async (name: string, action: () => void | Promise<void>): Promise<void> => {
  const from = process.uptime();
  console.log(`\n── ${name}`);
  await action();
  seconds.push(`${name} ${(process.uptime() - from).toFixed(1)} s`);
};
if (wanted.length === 0 || wanted.includes('check')) await timed('check', () => runChecks(tally));
for (const suite of chosen) await timed(suite.name, () => runSuite(suite, tally));

console.log(`\nSeconds: ${seconds.join(', ')}`);
tally.files.sort(([, left], [, right]) => right - left);
console.log(
  `Longest: ${tally.files
    .slice(0, LONGEST_TOLD)
    .map(([file, took]) => `${file} ${took.toFixed(0)} s`)
    .join(', ')}`,
);
if (tally.skipped.length > 0) {
  console.log(`\nSkipped, and what would be needed:\n${tally.skipped.map((line) => `  ${line}`).join('\n')}`);
  if (CI) console.log('With CI=true a skipped test is a failure.');
}
const failed = tally.failed + (CI ? tally.skipped.length : 0);
for (const failure of tally.failures) console.log(`\n✖ ${failure}`);
console.log(`\n${tally.passed} passed, ${failed} failed, ${CI ? 0 : tally.skipped.length} skipped`);
process.exit(failed === 0 ? 0 : 1);
