// A node:test reporter for test/run.ts: one line of JSON per finished test, and one at the end.

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/** A line for test/run.ts. */
export type TestLine =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly name: string; readonly file: string; readonly why: string }
  | { readonly kind: 'skipped'; readonly name: string; readonly why: string }
  | { readonly kind: 'remark'; readonly text: string }
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

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const line = lineOf(event);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}
