// The event log read in pieces: what it finds, in both directions, is what one read finds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PIECE_IDS, readEvents } from '../../../src/region/api/site/event-pieces.ts';
import type { EventFilter } from '../../../src/region/records/filters.ts';
import { makeRegion } from '../place.ts';

const EVENTS = 2 * PIECE_IDS + 100;
/** One event in this number is a warning. */
const RARE = 1500;

const { region, remove } = await makeRegion();
const { store } = region;
await store.transact(async () => {
  for (let index = 1; index <= EVENTS; index += 1) {
    const level = index % RARE === 0 ? 'warning' : 'info';
    await store.recordEvent(
      { type: 'NODE_RACK_EVENT', level, code: 'rack', params: { text: 'x' }, atMs: index, username: '' },
      undefined,
    );
  }
});
test.after(() => remove());

const rows: readonly (readonly [name: string, filter: EventFilter])[] = [
  ['the newest', { limit: 5 }],
  ['rare ones', { level: 'warning', limit: 100 }],
  ['the newest rare ones', { level: 'warning', limit: 2 }],
  ['rare ones before an id', { level: 'warning', before: 5000, limit: 100 }],
  ['rare ones after an id', { level: 'warning', after: 1500, limit: 100 }],
  ['the first rare ones after an id', { level: 'warning', after: 0, limit: 2 }],
  ['none of a user', { usernames: ['olga'], limit: 100 }],
  ['none after the last', { after: EVENTS, limit: 100 }],
  ['all', { limit: EVENTS * 2 }],
  ['all after none', { after: 0, limit: EVENTS * 2 }],
  ['no more than none', { limit: 0 }],
];

for (const [name, filter] of rows) {
  test(`${name}: as one read finds them, in pieces`, async () => {
    const pieces = readEvents(store, filter, await store.eventRange());
    for (let count = 0; ; count += 1) {
      const step = await pieces.next();
      if (step.done !== true) continue;
      assert.deepEqual(
        step.value.map(({ id }) => id),
        (await store.listEvents(filter)).map(({ id }) => id),
      );
      assert.ok(count <= Math.ceil(EVENTS / PIECE_IDS), `${count} pieces`);
      return;
    }
  });
}
