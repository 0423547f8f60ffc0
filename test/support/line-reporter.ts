// A reporter of node:test for test/run.ts: a line of JSON for each test that is over, and one for the end.

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/** What test/run.ts is told. */
export type TestLine =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly name: string; readonly file: string; readonly why: string }
  | { readonly kind: 'skipped'; readonly name: string; readonly why: string }
  | { readonly kind: 'remark'; readonly text: string }
  | { readonly kind: 'end'; readonly cpuSeconds: number };

/** Lines of each failure that are kept. */
const FAILURE_LINES = 60;

/** What node:test says at the end of a run. */
const OWN_SUMMARY = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** Fields of proc_pid_stat(5) after the command, from 0: user and system time of this process, and of the children that it waited for. */
const TIMES = [11, 12, 13, 14] as const;
/** Clock ticks a second, sysconf(_SC_CLK_TCK): the same on every architecture of today. */
const TICKS = 100;

/** Processor time of this process and of all that it started and that has ended; 0 where nobody can tell. */
function cpuSeconds(): number {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return TIMES.reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS;
  } catch {
    return 0;
  }
}

/** The first lines of what a failed test says: Node's own error has the test's as its cause. */
function whyOf(error: Error): string {
  const { cause } = error;
  const said = cause instanceof Error ? (cause.stack ?? cause.message) : (error.stack ?? error.message);
  return said.split('\n').slice(0, FAILURE_LINES).join('\n');
}

function lineOf(event: TestEvent): TestLine | undefined {
  if (event.type === 'test:diagnostic') {
    const { message: text } = event.data;
    return OWN_SUMMARY.test(text) ? undefined : { kind: 'remark', text };
  }
  if (event.type === 'test:summary') return { kind: 'end', cpuSeconds: cpuSeconds() };
  if (event.type === 'test:pass') {
    const { name, skip, details } = event.data;
    if (skip !== undefined) return { kind: 'skipped', name, why: typeof skip === 'string' ? skip : 'no reason given' };
    // The tests of a suite are reported by themselves; those of a skipped suite are not.
    return details.type === 'suite' ? undefined : { kind: 'passed' };
  }
  if (event.type === 'test:fail' && event.data.details.type !== 'suite') {
    const { name, file = '', details } = event.data;
    return { kind: 'failed', name, file: relative(process.cwd(), file), why: whyOf(details.error) };
  }
  return undefined;
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const line = lineOf(event);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}
