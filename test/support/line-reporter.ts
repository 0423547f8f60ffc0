// A node:test reporter for test/run.ts: one line of JSON per finished test, one per finished file, and one at the end.
//
// 1. The files of a process run one after the other. A test that a file of test/support or test/contract makes counts for the next test file
//    that reports, because node:test says only where it is written.

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/** A test file whose tests are over. */
export interface FileLine {
  readonly kind: 'file';
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

/** A line for test/run.ts. */
export type TestLine =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly name: string; readonly file: string; readonly why: string }
  | { readonly kind: 'skipped'; readonly name: string; readonly why: string }
  | { readonly kind: 'remark'; readonly text: string }
  | FileLine
  | { readonly kind: 'end'; readonly cpuSeconds: number };

/** The most lines kept of each failure. */
const FAILURE_LINES = 60;

/** The summary of node:test at the end of a run. */
const OWN_SUMMARY = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** Fields of proc_pid_stat(5) after the command, from 0: user and system time of this process, and of its awaited children. */
const TIMES = [11, 12, 13, 14] as const;
/** Clock ticks per second, sysconf(_SC_CLK_TCK): the same on every present architecture. */
const TICKS = 100;

/** CPU time of this process and its ended children; 0 if it is not available. */
function cpuSeconds(): number {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return TIMES.reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS;
  } catch {
    return 0;
  }
}

/** The first lines of a failure: the cause of Node's own error is the test's error. */
function whyOf(error: Error): string {
  const { cause } = error;
  const said = cause instanceof Error ? (cause.stack ?? cause.message) : (error.stack ?? error.message);
  return said.split('\n').slice(0, FAILURE_LINES).join('\n');
}

const failureTypeOf = (error: Error): unknown => ('failureType' in error ? error.failureType : undefined);

function lineOf(event: TestEvent): TestLine | undefined {
  if (event.type === 'test:diagnostic') {
    const { message: text } = event.data;
    return OWN_SUMMARY.test(text) ? undefined : { kind: 'remark', text };
  }
  if (event.type === 'test:summary') return { kind: 'end', cpuSeconds: cpuSeconds() };
  if (event.type === 'test:pass') {
    const { name, skip, details } = event.data;
    if (skip !== undefined) return { kind: 'skipped', name, why: typeof skip === 'string' ? skip : 'no reason given' };
    // The tests of a suite are reported individually; those of a skipped suite are not.
    return details.type === 'suite' ? undefined : { kind: 'passed' };
  }
  if (event.type === 'test:fail') {
    const { name, file = '', details } = event.data;
    // Otherwise what failed is a hook.
    if (details.type === 'suite' && failureTypeOf(details.error) === 'subtestsFailed') return undefined;
    return { kind: 'failed', name, file: relative(process.cwd(), file), why: whyOf(details.error) };
  }
  return undefined;
}

type Sum = Pick<FileLine, 'passed' | 'failed' | 'seconds'>;

const NOTHING: Sum = { passed: 0, failed: 0, seconds: 0 };

const added = (one: Sum, other: Sum): Sum => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
  seconds: one.seconds + other.seconds,
});

/** Adds up the tests of each file. */
class FileCount {
  #file = '';
  #sum = NOTHING;
  /** The results that no file has reported yet. */
  #open = NOTHING;

  /** @returns the file that this event shows to be over; undefined: none */
  take(event: TestEvent, line: TestLine | undefined): FileLine | undefined {
    this.#open = added(this.#open, {
      passed: line?.kind === 'passed' ? 1 : 0,
      failed: line?.kind === 'failed' ? 1 : 0,
      seconds: secondsOf(event),
    });
    const isEnd = event.type === 'test:summary';
    const file = isEnd ? this.#file : testFileOf(event);
    if (file === undefined) return undefined;
    const over: FileLine = { kind: 'file', file: this.#file, ...(isEnd ? added(this.#sum, this.#open) : this.#sum) };
    const isOver = this.#file !== '' && (isEnd || file !== this.#file);
    this.#sum = added(isOver ? NOTHING : this.#sum, this.#open);
    this.#open = NOTHING;
    this.#file = file;
    return isOver ? over : undefined;
  }
}

const isOutermost = (event: TestEvent): event is Extract<TestEvent, { type: 'test:pass' | 'test:fail' }> =>
  (event.type === 'test:pass' || event.type === 'test:fail') && event.data.nesting === 0;

const secondsOf = (event: TestEvent): number => (isOutermost(event) ? event.data.details.duration_ms / 1000 : 0);

/** The test file in which an outermost test is written; undefined: it is another event, or another file makes the test. */
function testFileOf(event: TestEvent): string | undefined {
  if (!isOutermost(event) || event.data.file?.endsWith('.test.ts') !== true) return undefined;
  return relative(process.cwd(), event.data.file);
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const count = new FileCount();
  for await (const event of events) {
    const line = lineOf(event);
    const over = count.take(event, line);
    for (const one of [over, line]) if (one !== undefined) yield `${JSON.stringify(one)}\n`;
  }
}
