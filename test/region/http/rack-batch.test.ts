// A long batch of a rack: other requests meanwhile, and the answer to the rack.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../../src/ground/errors.ts';
import { BATCH_MS_MAX, TURN_MS_MAX, takeBatch } from '../../../src/region/http/rack-batch.ts';
import { ENTRIES_MAX, type KeptPost, parseBatch } from '../../../src/region/racks/rack-news.ts';
import { type RegionPlace, withRegion } from '../place.ts';
import {
  acceptRack,
  batchOf,
  OTHER_UUID,
  postEntry,
  RACK_UUID,
  rackInterface,
  reportEntry,
  SOURCE,
} from '../racks/rack-place.ts';
import { type LinkPlace, withLink } from './link-place.ts';

const POST_MS = TURN_MS_MAX / 2;
const OTHER = { uuid: OTHER_UUID, name: 'rack-3', interfaces: [rackInterface('10.60.0.0/24')] };
const OTHER_KEY = { kind: 'own', token: 'token-of-rack-3', secretDigest: '0'.repeat(64) } as const;

const posts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => postEntry(from + index, '52:54:00:00:00:01'));

/** Stores a rack's batch, whose posts take POST_MS each; `onPost` is called with the rack and the post's sequence. */
async function take(
  { region, clock }: RegionPlace,
  entries: readonly object[],
  onPost: (rack: string) => void = () => undefined,
  uuid = RACK_UUID,
) {
  const rack = region.racks.find(uuid);
  const batch = parseBatch(uuid, batchOf(entries, { source: `${uuid}/outbox-1` }));
  assert.ok(rack !== undefined && batch.ok);
  return takeBatch(region, rack, batch.value, async (_post: KeptPost) => {
    clock.advance(POST_MS);
    onPost(uuid);
    return undefined;
  });
}

test('a short batch is answered at once; a long one lets others run after each TURN_MS_MAX of it', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    assert.deepEqual(await take(place, posts(1, 2)), { stored: 2, refused: [] });
    let inOneTurn = 0;
    let longest = 0;
    const taking = take(place, posts(3, 20), () => {
      inOneTurn += 1;
      longest = Math.max(longest, inOneTurn);
    });
    const tick = () => {
      inOneTurn = 0;
      turns += 1;
      if (!isOver) setImmediate(tick);
    };
    let turns = 0;
    let isOver = false;
    tick();
    assert.deepEqual(await taking, { stored: 20, refused: [] });
    isOver = true;
    assert.equal(longest, 2);
    // Two of the eighteen posts fit in a turn, and other requests run between turns.
    assert.ok(turns >= 8, `${turns} turns`);
  }));

test('the batches of two racks take turns', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    await acceptRack(place.region, { ...OTHER, key: OTHER_KEY });
    const order: string[] = [];
    const both = [RACK_UUID, OTHER_UUID].map((uuid) => take(place, posts(1, 6), (one) => order.push(one), uuid));
    await Promise.all(both);
    const turns = order.map((uuid) => (uuid === RACK_UUID ? 'a' : 'b')).join('');
    assert.equal(turns, 'aabbaabbaabb');
  }));

test('only one batch of a rack is stored at a time: another one gets 429 and Retry-After', () =>
  withLink(async (place: LinkPlace) => {
    await acceptRack(place.region);
    const taking = take(place, posts(1, 6));
    const refused = await place.rack('events', batchOf(posts(1, 6)));
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '1']);
    await taking;
    const again = await place.rack('events', batchOf(posts(1, 6)));
    assert.deepEqual([again.status, JSON.parse(again.text).stored], [200, 6]);
  }));

test('after a rack is rejected, no more of its batch is stored', () =>
  withRegion(async (place) => {
    const { region } = place;
    await acceptRack(region);
    const taking = take(place, posts(1, 20));
    await region.racks.judge([RACK_UUID], 'reject', 'admin');
    assert.deepEqual(await taking, { stored: 2, refused: [] });
  }));

test('the answer to a batch that takes longer than BATCH_MS_MAX says how much is stored, and an earlier loss is recorded once', () =>
  withRegion(async (place) => {
    const { region, store, clock } = place;
    const rack = await acceptRack(region);
    const batch = parseBatch(RACK_UUID, batchOf(posts(1, ENTRIES_MAX), { missed: 3 }));
    assert.ok(batch.ok);
    const outcome = await takeBatch(region, rack, batch.value, async () => {
      clock.advance(POST_MS * 2);
      return 'no';
    });
    assert.equal(outcome?.stored, BATCH_MS_MAX / POST_MS / 2 + 1);
    assert.equal(outcome?.refused.length, outcome?.stored);
    assert.equal((await store.listEvents({ limit: 5000 })).filter(({ type }) => type === 'RACK_EVENTS_LOST').length, 1);
  }));

test('a batch of reports is stored in turns, too', () =>
  withRegion(async (place) => {
    const { region, store, clock } = place;
    await acceptRack(region);
    const now = clock.now.bind(clock);
    // Each reading of the clock is a millisecond later.
    clock.now = () => {
      clock.advance(1);
      return now();
    };
    const taking = take(
      place,
      Array.from({ length: ENTRIES_MAX }, (_, index) => reportEntry(index + 1)),
    );
    assert.ok((await store.highestSequence(SOURCE)) < ENTRIES_MAX / 2);
    assert.equal((await taking)?.stored, ENTRIES_MAX);
    assert.equal(await store.highestSequence(SOURCE), ENTRIES_MAX);
  }));

test('entries stored before the store fails are acknowledged and stay; the rest comes again, and is stored once', () =>
  withRegion(async (place) => {
    const { region, store } = place;
    await acceptRack(region);
    let runs = 0;
    const failing = take(place, posts(1, 6), () => {
      runs += 1;
      if (runs === 5) throw new RackError('store-unavailable', 'region.db cannot be used now');
    });
    assert.deepEqual(await failing, { stored: 4, refused: [] });
    assert.equal(await store.highestSequence(SOURCE), 4);
    await assert.rejects(
      take(place, posts(5, 6), () => assert.fail(new RackError('store-unavailable', 'still not'))),
      RackError,
    );
    const ran: number[] = [];
    assert.deepEqual(await take(place, posts(3, 6), () => ran.push(1)), { stored: 6, refused: [] });
    assert.equal(ran.length, 2);
  }));
