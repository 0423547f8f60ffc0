// Every bound of the code is classified: its author says who can fill it, what others notice, and how it empties.
// @host waits

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BOUNDS_DOCUMENT, renderBoundsDocument } from '../documents/bounds-document.ts';
import { boundsIn, findBounds, findConstant, valueText } from './bound-scan.ts';
import { KERNEL_BOUNDS } from './bounds/kernel.ts';
import { HELD, isPlainByRule, listedPlain } from './bounds.ts';

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
  it('every bound of the code has a row or is a plain limit', () => {
    const known = new Set([...HELD_AT, ...listedPlain()]);
    const unknown = findBounds().filter(({ at }) => !known.has(at) && !isPlainByRule(at));
    assert.deepEqual(
      unknown.map(({ at }) => at),
      [],
      'new bounds: give each a row in test/hostile/bounds/ (who can fill it, what the others notice, how it empties), ' +
        'or list it in PLAIN of test/hostile/bounds.ts when nobody outside can hold or fill it; then run npm run docs',
    );
  });

  it('every row and every listed limit is a constant of the code', () => {
    const gone = [...HELD_AT, ...listedPlain()].filter((at) => findConstant(at) === undefined);
    assert.deepEqual(
      gone,
      [],
      'these are gone from src, or moved: take them out of test/hostile/bounds, or rename them',
    );
  });

  it('no bound is classified twice', () => {
    const all = [...HELD_AT, ...listedPlain()];
    const twice = all.filter((at, index) => all.indexOf(at) !== index);
    assert.deepEqual(twice, []);
    const needless = listedPlain().filter(isPlainByRule);
    assert.deepEqual(needless, [], 'a rule recognises these already: take them out of PLAIN');
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

describe('finding bounds', () => {
  const found = (source: string): readonly string[] => boundsIn('room/file.ts', `${source}\n`).map(({ name }) => name);

  it('constants that end in MAX, BOUNDS, LIMIT, CAPACITY or SOCKETS are bounds, exported, typed, or within a function', () => {
    assert.deepEqual(found('export const PLACES_MAX = 8;'), ['PLACES_MAX']);
    assert.deepEqual(found('  const PLACES_MAX: number = OTHERS_MAX / 2;'), ['PLACES_MAX']);
    assert.deepEqual(found('const BOUNDS: DoorBounds = { entriesMax: 8,\n  bytesMax: 9 };'), ['BOUNDS']);
    assert.deepEqual(found('const UPSTREAM_SOCKETS = 8;\nconst HEAP_CAPACITY = 9;\nconst QUEUE_LIMIT = 7;'), [
      'UPSTREAM_SOCKETS',
      'HEAP_CAPACITY',
      'QUEUE_LIMIT',
    ]);
    assert.deepEqual(found('const PLACES = 8;\nconst MAXIMAL = 9;'), []);
  });

  it('rates are bounds, with a name of their own or without', () => {
    assert.deepEqual(found('const REPORT_RATE: Rate = { perSecond: 1, burst: 50 };'), ['REPORT_RATE']);
    assert.deepEqual(found('const OFTEN = { perSecond: 1, burst: 50 } as const;'), ['OFTEN']);
    assert.deepEqual(found('  readonly #sampler = new RateLimit({ perSecond: 1, burst: 50 });'), ['#sampler']);
    assert.deepEqual(found('  readonly #sampler = new EventSampler<string>({ perSecond: 1, burst: 50 });'), [
      '#sampler',
    ]);
  });

  it('keys of the configuration are bounds, except those whose default is a constant', () => {
    const keys =
      '  places_max: z.number().int().min(1).max(9).default(1_000),\n  rooms_per_second: z.number().default(ROOMS),\n';
    assert.deepEqual(
      boundsIn('config/file.ts', keys).map(({ at, expression }) => `${at} ${expression}`),
      ['config/file.ts places_max 1_000'],
    );
    assert.equal(isPlainByRule('config/file.ts places_max'), false);
  });

  it('a bound on a growing collection is not a limit of a single value, in any unit', () => {
    assert.equal(isPlainByRule('room/file.ts NAME_CHARACTERS_MAX'), true);
    assert.equal(isPlainByRule('room/file.ts WAITING_CHARACTERS_MAX'), false);
    assert.equal(isPlainByRule('room/file.ts NAME_BYTES_MAX'), false, 'of one, or of all together?');
    assert.equal(isPlainByRule('room/file.ts WAITING_MS_MAX'), true);
    assert.equal(isPlainByRule('room/file.ts PLACES_MAX'), false);
    assert.equal(isPlainByRule('cli/file.ts PLACES_MAX'), true);
  });
});
