// The memory of documents ends in time, and a site that gives its documents ever new names fills no disk with it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { sweepDownloads } from '../../../src/images/run/left-downloads.ts';
import { recordSeen } from '../../../src/images/sources/seen-documents.ts';
import { missing } from '../../support/needs.ts';

const NOW_MS = Date.parse('2026-11-25T00:00:00Z');
const DAY_MS = 24 * 60 * 60 * 1000;
const SEEN_MAX = 8192;
const OTHER_UID = 65_534;

let tree = '';
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-seen-test-'));
  mkdirSync(join(tree, 'images', '.seen'), { recursive: true });
});
afterEach(() => rmSync(tree, { recursive: true, force: true }));

const nameOf = (url: string): string => `${createHash('sha256').update(url).digest('hex').slice(0, 32)}.json`;
const pathOf = (url: string): string => join(tree, 'images', '.seen', nameOf(url));
const left = (): ReadonlySet<string> => new Set(readdirSync(join(tree, 'images', '.seen')));

/** As `recordSeen` remembers it, at a given time. */
function remember(url: string, readMs: number): void {
  writeFileSync(pathOf(url), JSON.stringify({ url, updatedMs: 1 }));
  utimesSync(pathOf(url), readMs / 1000, readMs / 1000);
}

describe('the memory of documents', () => {
  test('of one that no import has needed for a year is removed, and one that is needed stays', async () => {
    const [gone, needed] = ['http://gone.example/index', 'http://needed.example/index'];
    const nowMs = systemClock.wallTimeMs();
    for (const url of [gone, needed]) remember(url, nowMs - 200 * DAY_MS);
    assert.equal(await recordSeen({ tree, nowMs }, needed, 1), undefined);
    await sweepDownloads(tree, nowMs + 164 * DAY_MS);
    assert.equal(left().size, 2);
    await sweepDownloads(tree, nowMs + 166 * DAY_MS);
    assert.deepEqual([...left()], [nameOf(needed)]);
  });

  test('has a bound: the site with the most documents loses those first that were needed longest ago', async () => {
    const flood = Array.from({ length: SEEN_MAX }, (_, at) => `http://flood.example/${at}`);
    for (const [at, url] of flood.entries()) remember(url, NOW_MS + at);
    const good = ['http://good.example/index', 'http://good.example/products'];
    for (const url of good) remember(url, NOW_MS - DAY_MS);
    writeFileSync(pathOf('odd'), 'not JSON');
    await sweepDownloads(tree, NOW_MS + DAY_MS);
    const kept = left();
    assert.equal(kept.size, SEEN_MAX);
    assert.deepEqual(
      [...good, ...flood.slice(0, 3), ...flood.slice(-2)].map((url) => kept.has(nameOf(url))),
      [true, true, false, false, false, true, true],
    );
  });

  test('counts if another user wrote it', { skip: missing('root') }, async () => {
    const url = 'http://other.example/index';
    remember(url, NOW_MS);
    chmodSync(tree, 0o755);
    process.seteuid?.(OTHER_UID);
    try {
      assert.equal(await recordSeen({ tree, nowMs: NOW_MS }, url, 1), undefined);
      assert.match((await recordSeen({ tree, nowMs: NOW_MS }, url, 0)) ?? '', /this host has seen that of/);
    } finally {
      process.seteuid?.(0);
    }
  });
});
