// Runs test files in this process, one after the other: `run-files.ts LINES_FILE TIMEOUT_MS FILE …`. For test-process.ts.
//
// 1. node:test follows every promise with async_hooks, to name the test that an error outside of any test belongs to. That costs a quarter to a
//    half of the processor time of tests with many promises. Here it follows all but promises: such an error may fail the file instead of a
//    test, and a suite makes its tests before it awaits anything.

import asyncHooks, { type HookCallbacks } from 'node:async_hooks';
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { restartLimit } from './file-limit.ts';
import report from './line-reporter.ts';

const [linesFile = '', timeoutMs, ...files] = process.argv.slice(2);
const { createHook } = asyncHooks;
asyncHooks.createHook = (callbacks: HookCallbacks) => {
  const options = { ...callbacks, trackPromises: false };
  return createHook(options);
};
// Only now: node:test takes the function when it is loaded.
const { run } = await import('node:test');
const events = run({ files: files.map((file) => resolve(file)), isolation: 'none', timeout: Number(timeoutMs) });
asyncHooks.createHook = createHook;
events.on('test:pass', restartLimit).on('test:fail', restartLimit);
events.on('test:summary', ({ success }) => {
  if (!success) process.exitCode = 1;
});
events.compose(report).pipe(createWriteStream(linesFile));
