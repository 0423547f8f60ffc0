// Every bound that an outside client can fill has a row: who can fill it, what others notice, how it empties, and a test.
// @host waits

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BOUNDS_DOCUMENT, renderBoundsDocument } from '../documents/bounds-document.ts';
import { findConstant, valueText } from './bound-scan.ts';
import { KERNEL_BOUNDS } from './bounds/kernel.ts';
import { HELD } from './bounds.ts';

const ROWS = Object.values(HELD).flat();
const HELD_AT = ROWS.map(({ at }) => at);
/** With those of the host, which the code does not name. */
const ALL_ROWS = [...ROWS, ...KERNEL_BOUNDS.map((row) => ({ ...row, at: row.name }))];

const TEST = join(import.meta.dirname, '..');

/** Rows without a test of their own. Never add a new row: this list only becomes shorter. */
const UNTESTED: readonly string[] = [
  // Only an administrator who starts many processes can fill it.
  'region/records/host-image-store.ts PLACES_MAX',
  'files/file-tree.ts PATHS_KNOWN_MAX',
  'net/datagrams/udp-linux-socket.ts UNSEGMENTED_PEERS_MAX',
  'net/datagrams/udp-linux.ts RECEIVE_BUFFER_BYTES',
  'net/watch/wire-ear.ts SIGHTINGS_MAX',
  'observe/instrument-server.ts ADDRESSES_MAX',
  'region/identity/enlistment-effects.ts CONFLICTS_MAX',
  'store/leases/lease-worker.ts FOLD_BACKLOG_MAX',
];
/** Rows whose test observes the bound from outside, without filling it. This list may only become shorter. */
const BY_EFFECT: readonly string[] = [
  'net/datagrams/udp-dgram-socket.ts SEND_QUEUE_MAX',
  'net/linux/ear-socket.ts FRAMES_MAX',
  'observe/log-writer.ts WAITING_BYTES_MAX',
];

/** Whether a test names a bound; a rate without a name of its own is named by the class that holds it. */
function namesBound(test: string, at: string): boolean {
  const [file = '', name = ''] = at.split(' ');
  const text = readFileSync(join(TEST, test), 'utf8');
  return name.startsWith('#') ? text.includes(file) : new RegExp(`\\b${name}\\b`).test(text);
}

describe('the table of bounds', () => {
  it('every row is a constant of the code, once', () => {
    assert.deepEqual(
      HELD_AT.filter((at, index) => findConstant(at) === undefined || HELD_AT.indexOf(at) !== index),
      [],
      'gone from src, moved, or there twice',
    );
  });

  it('every row in which others notice something names the harm', () => {
    const problems: string[] = [];
    for (const { at, whoCanFill, whatOthersNotice, harm } of ALL_ROWS) {
      const saysNothing = /^nothing\b(?!.*\bexcept\b)/.test(whatOthersNotice);
      const isOurs = /^(?:only|nobody)\b|\bonly the operator\b/.test(whoCanFill);
      if (harm === undefined && !saysNothing && !isOurs) problems.push(`${at}: ${whatOthersNotice}`);
      if (harm !== undefined && /^nothing$/.test(whatOthersNotice)) problems.push(`${at}: nothing, and ${harm.kind}`);
      if (harm?.kind === 'refused' && harm.stoppedBy.trim() === '') problems.push(`${at}: nothing stops it`);
    }
    assert.deepEqual(problems, [], 'give the row a `harm`, or begin what others notice with "nothing"');
  });

  it('every row says everything, and names a test that is there', () => {
    for (const { at, what, whoCanFill, whatOthersNotice, howItEmpties, share, test } of ALL_ROWS) {
      for (const text of [what, whoCanFill, whatOthersNotice, howItEmpties, share]) {
        assert.match(text, /^\S.*[^.\s]$/s, `${at}: ${text}`);
      }
      if (test !== undefined) assert.ok(existsSync(join(import.meta.dirname, '..', test)), `${at}: no test/${test}`);
    }
  });

  it('every row names a test, which names the bound', () => {
    const silent = ROWS.filter(({ at, test }) => test !== undefined && !namesBound(test, at)).map(({ at }) => at);
    assert.deepEqual(
      silent.sort(),
      [...BY_EFFECT].sort(),
      'the test that a row names must name the bound, and fail when it is a thousand times as large',
    );
    const untested = ROWS.filter(({ test }) => test === undefined).map(({ at }) => at);
    assert.deepEqual(untested.sort(), [...UNTESTED].sort(), 'write the test that fills it, and name it in the row');
  });

  it('every row has a value', () => {
    for (const at of HELD_AT) {
      const found = findConstant(at);
      assert.ok(found !== undefined, at);
      assert.match(valueText(found), /\d/, at);
    }
  });

  it('docs/reference/bounds.md is up to date; npm run docs writes it', () => {
    assert.equal(readFileSync(BOUNDS_DOCUMENT, 'utf8'), renderBoundsDocument(), 'run npm run docs');
  });
});
