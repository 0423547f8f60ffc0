// Every bound that an outside client can fill is named, with a test that fills it: in docs/reference/bounds.md if others notice it, with the value of
// the code, and otherwise in quiet-bounds.ts.
// @host rests

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readDocument } from '../documents/markdown.ts';
import { findConstant, valueText } from './bound-scan.ts';
import { QUIET_BOUNDS } from './quiet-bounds.ts';

const TEST = join(import.meta.dirname, '..');

/** Rows without a test of their own. Never add a new row: this list only becomes shorter. */
const UNTESTED: readonly string[] = [
  'files/file-tree.ts PATHS_KNOWN_MAX',
  'net/datagrams/udp-linux.ts RECEIVE_BUFFER_BYTES',
  'threads/journal.ts FOLD_BACKLOG_MAX',
];
/** Bounds whose test observes them from outside, without filling them. This list may only become shorter. */
const BY_EFFECT: readonly string[] = [
  'net/linux/frame-socket.ts FRAMES_MAX',
  'observe/log-writer.ts WAITING_BYTES_MAX',
];

/** The rows of the document, except those of the host: the bound, its value, and its test. */
const NOTICED = readDocument('docs/reference/bounds.md')
  .split('\n')
  .flatMap((line) => {
    const cells = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''));
    const [, name, file] = /`([#\w]+)` in `([\w/.-]+)`$/.exec(cells[0] ?? '') ?? [];
    const [, test] = /^`(.*)`$/.exec(cells.at(-1) ?? '') ?? [];
    return file === undefined ? [] : [{ at: `${file} ${name}`, value: cells[1], test, cells: cells.length }];
  });
const TESTED: readonly (readonly [at: string, test: string])[] = [
  ...NOTICED.flatMap(({ at, test }) => (test === undefined ? [] : [[at, test] as const])),
  ...Object.entries(QUIET_BOUNDS).flatMap(([test, bounds]) => bounds.map((at) => [at, test] as const)),
];

/** Whether a test names a bound; a rate without a name of its own is named by the class that holds it. */
function namesBound(test: string, at: string): boolean {
  const [file = '', name = ''] = at.split(' ');
  const text = readFileSync(join(TEST, test), 'utf8');
  return name.startsWith('#') ? text.includes(file) : new RegExp(`\\b${name}\\b`).test(text);
}

describe('the table of bounds', () => {
  it('every row is a constant of the code, once', () => {
    const all = [...TESTED.map(([at]) => at), ...UNTESTED];
    assert.deepEqual(
      all.filter((at, index) => findConstant(at) === undefined || all.indexOf(at) !== index),
      [],
      'gone from src, moved, or there twice',
    );
  });

  it('every row names a test, which names the bound', () => {
    const silent = TESTED.filter(([at, test]) => !namesBound(test, at)).map(([at]) => at);
    assert.deepEqual(silent.sort(), BY_EFFECT, 'the test must name the bound that it fills');
    const untested = NOTICED.filter(({ test }) => test === undefined).map(({ at }) => at);
    assert.deepEqual(untested.sort(), UNTESTED, 'write the test that fills it, and name it in the row');
  });

  it('every row has seven cells, and the value of the code', () => {
    assert.ok(NOTICED.length > 150, `${NOTICED.length} rows`);
    for (const { at, value, cells } of NOTICED) {
      const found = findConstant(at);
      assert.equal(value, found && valueText(found), at);
      assert.equal(cells, 7, at);
    }
  });
});
