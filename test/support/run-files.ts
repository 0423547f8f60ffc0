// Runs test files in this process, one after the other: `run-files.ts LINES_FILE TIMEOUT_MS FILE …`. For test-process.ts.
//
// 1. node:test follows every promise with async_hooks, to name the test that an error outside of any test belongs to. That costs a quarter to a
//    half of the processor time of tests with many promises. Here it follows none: such an error fails the file instead of a test. A test
//    within a test is made by `t.test`, and a suite makes its tests before it awaits anything.

import asyncHooks, { type AsyncHook } from 'node:async_hooks';
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import report from './line-reporter.ts';

const NO_HOOK: AsyncHook = { enable: () => NO_HOOK, disable: () => NO_HOOK };

const [linesFile = '', timeoutMs, ...files] = process.argv.slice(2);
const { createHook } = asyncHooks;
asyncHooks.createHook = () => NO_HOOK;
// Only now: node:test takes the function when it is loaded.
const { run } = await import('node:test');
const events = run({ files: files.map((file) => resolve(file)), isolation: 'none', timeout: Number(timeoutMs) });
asyncHooks.createHook = createHook;
events.on('test:summary', ({ success }) => {
  if (!success) process.exitCode = 1;
});
events.compose(report).pipe(createWriteStream(linesFile));
