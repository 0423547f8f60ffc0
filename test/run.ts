// `npm test`: runs every suite this host can run, prints the seconds of each, and lists what was skipped and what it would need.
// `node test/run.ts unit` runs one suite. With CI=true a skipped test is a failure.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

interface Suite {
  readonly name: string;
  readonly files: readonly string[];
  /** Test files at the same time. */
  readonly concurrency: number;
  /** The longest a single test may take. */
  readonly timeoutMs: number;
}

interface Tally {
  passed: number;
  failed: number;
  readonly skipped: string[];
}

const ROOT = dirname(import.meta.dirname);
const BIN = join(ROOT, 'node_modules', '.bin');
const CI = process.env.CI === 'true';

const within = (folder: string): string[] => globSync(`test/${folder}/**/*.test.ts`, { cwd: ROOT }).sort();
const APART = ['test/e2e/', 'test/long/', 'test/page/'];

const SUITES: readonly Suite[] = [
  {
    name: 'unit',
    files: globSync('test/**/*.test.ts', { cwd: ROOT })
      .filter((file) => !APART.some((folder) => file.startsWith(folder)))
      .sort(),
    concurrency: 2,
    timeoutMs: 120_000,
  },
  { name: 'e2e', files: within('e2e'), concurrency: 1, timeoutMs: 300_000 },
  { name: 'page', files: within('page'), concurrency: 1, timeoutMs: 120_000 },
  { name: 'long', files: within('long'), concurrency: 1, timeoutMs: 1_800_000 },
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
  const stream = run({
    files: suite.files.map((file) => join(ROOT, file)),
    concurrency: suite.concurrency,
    timeout: suite.timeoutMs,
    cwd: ROOT,
  });
  stream.on('test:pass', (event) => {
    // A suite that is skipped has no tests to tell of it.
    const isSuite = event.details.type === 'suite' && event.skip === undefined;
    if (isSuite || event.name.endsWith('.test.ts')) return;
    if (event.skip === undefined) tally.passed += 1;
    else tally.skipped.push(`${event.name}: ${event.skip === true ? 'no reason given' : event.skip}`);
  });
  stream.on('test:fail', (event) => {
    if (event.details.type !== 'suite') tally.failed += 1;
  });
  const shown = stream.compose(new spec());
  shown.pipe(process.stdout, { end: false });
  await new Promise((resolve, reject) => {
    shown.on('end', resolve);
    shown.on('error', reject);
  });
}

const wanted = process.argv.slice(2);
const chosen = SUITES.filter(({ name }) => (wanted.length === 0 ? name !== 'long' : wanted.includes(name)));
if (chosen.length === 0 && !wanted.includes('check')) {
  console.error(`no such suite: ${wanted.join(' ')}; there are check, ${SUITES.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const tally: Tally = { passed: 0, failed: 0, skipped: [] };
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
if (tally.skipped.length > 0) {
  console.log(`\nSkipped, and what would be needed:\n${tally.skipped.map((line) => `  ${line}`).join('\n')}`);
  if (CI) console.log('With CI=true a skipped test is a failure.');
}
const failed = tally.failed + (CI ? tally.skipped.length : 0);
console.log(`\n${tally.passed} passed, ${failed} failed, ${CI ? 0 : tally.skipped.length} skipped`);
process.exit(failed === 0 ? 0 : 1);
