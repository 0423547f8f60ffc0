// Every query for events reads the log in bounded pieces: by the API in both directions, and for the page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PIECE_IDS } from '../../../src/region/api/site/event-pieces.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { cookieName } from '../../../src/region/page/frame/login.ts';
import type { EventFilter } from '../../../src/region/records/filters.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { CONTROL_SECRET, makeRegion } from '../place.ts';

const NEWEST = 3 * PIECE_IDS;

/** The ids that a read may cover; a read of one machine's events goes by an index of its own. */
const span = ({ after = 0, before = NEWEST + 1, upTo = before - 1 }: EventFilter) => upTo - after;

for (const [name, url] of [
  ['op=query', '/MAAS/api/2.0/events/?op=query&owner=nobody'],
  ['op=query forward', '/MAAS/api/2.0/events/?op=query&owner=nobody&after=1'],
  ['the page', '/MAAS/events/'],
] as const) {
  test(`${name} reads a long log in pieces`, async (t) => {
    const { region, remove, clock } = await makeRegion();
    t.after(remove);
    const context = makeContext(region);
    const admin = await addAdmin(region.store, clock, { username: 'admin', email: '', password: 'correct horse' });
    const cookie = `${cookieName(':5240')}=${await context.sessions.open(admin)}`;
    const reads: EventFilter[] = [];
    t.mock.method(region.store, 'eventRange', async () => ({ oldest: 1, newest: NEWEST, history: 1 }));
    t.mock.method(region.store, 'listEvents', async (filter: EventFilter) => {
      if (filter.machines === undefined) reads.push(filter);
      return [];
    });
    // Each id has an event, of another owner.
    t.mock.method(region.store, 'nearestEvent', async (side: 'after' | 'before', id: number) => {
      const next = side === 'after' ? id + 1 : id - 1;
      return next >= 1 && next <= NEWEST ? next : undefined;
    });
    const app = buildApp(context, name === 'the page' ? {} : { of: 'operators' });
    const headers =
      name === 'the page'
        ? { host: '127.0.0.1:5240', accept: 'text/html', cookie }
        : { 'x-rackboot-control': CONTROL_SECRET };
    const answer = await app.inject({ url, remoteAddress: '127.0.0.1', headers });
    await app.close();
    assert.equal(answer.statusCode, 200, answer.body);
    assert.ok(reads.length >= 3, `${reads.length} reads`);
    for (const filter of reads) assert.ok(span(filter) <= PIECE_IDS, JSON.stringify(filter));
  });
}

for (const [limit, reason] of [
  ['99999999', 'Give a number from 0 to 1000, the most events of one answer.'],
  ['1001', 'Give a number from 0 to 1000, the most events of one answer.'],
  ['-5', 'Give a number from 0 to 1000, the most events of one answer.'],
  ['ten', 'is not a number'],
] as const)
  test(`limit=${limit} is refused with: ${reason}`, async (t) => {
    const { region, remove } = await makeRegion();
    t.after(remove);
    const app = buildApp(makeContext(region), { of: 'operators' });
    const answer = await app.inject({
      url: `/MAAS/api/2.0/events/?op=query&limit=${limit}`,
      remoteAddress: '127.0.0.1',
      headers: { 'x-rackboot-control': CONTROL_SECRET },
    });
    await app.close();
    assert.deepEqual([answer.statusCode, answer.json()], [400, { limit: [reason] }]);
  });
