// A reporter of node:test for test/run.ts: a line of JSON for each test that is over, and one for the end.

import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/** What test/run.ts is told. */
export type TestLine =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly name: string; readonly file: string; readonly why: string }
  | { readonly kind: 'skipped'; readonly name: string; readonly why: string }
  | { readonly kind: 'remark'; readonly text: string }
  | { readonly kind: 'end' };

/** Lines of each failure that are kept. */
const FAILURE_LINES = 60;

/** What node:test says at the end of a run. */
const OWN_SUMMARY = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

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
  if (event.type === 'test:summary') return { kind: 'end' };
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
