import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEIGHBOUR_HEADINGS, neighbourRow } from '../../../src/cli/rack/neighbours.ts';

const SEEN = { interface: 'eth1', address: '10.20.0.9', mac: '02:00:00:00:00:09', secondsAgo: 5 };

test('the row of a neighbour shows when it was first seen, and when its address moved to it', () => {
  const first = { ...SEEN, firstSeen: '2026-11-20T10:00:00.000Z' };
  const moved = { previousMac: '02:00:00:00:00:08', movedAt: '2026-11-20T11:00:00.000Z' };
  const cells = (row: readonly string[]) => Object.fromEntries(NEIGHBOUR_HEADINGS.map((name, at) => [name, row[at]]));
  const known = cells(neighbourRow({ ...first, ...moved }));
  assert.equal(known['FIRST SEEN'], '2026-11-20T10:00:00.000Z');
  assert.equal(known.BEFORE, '02:00:00:00:00:08');
  assert.equal(known.MOVED, '2026-11-20T11:00:00.000Z');
  assert.equal(cells(neighbourRow(first)).MOVED, '');
});
