// The event log as a stream: where it begins, what it leaves out, and how slow, many and departed readers are handled.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { later } from '../../../src/ground/clock.ts';
import type { EventFollowing } from '../../../src/region/api/call/answer.ts';
import type { EventPlace } from '../../../src/region/api/call/event-place.ts';
import { PIECE_IDS } from '../../../src/region/api/site/event-pieces.ts';
import { EventFollowers, FOLLOWERS_MAX } from '../../../src/region/http/event-followers.ts';
import { COMMENT_MS, formatStreamEvent } from '../../../src/region/http/event-stream.ts';
import type { EventFilter } from '../../../src/region/records/filters.ts';
import type { MachineEvent } from '../../../src/region/records/machine-event.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { makeRegion, type RegionPlace } from '../place.ts';

/** The answer to a reader that accepts data until it stops. */
class Reader extends EventEmitter {
  text = '';
  takes = true;
  isGone = false;
  writeHead(): this {
    return this;
  }
  write(text: string): boolean {
    this.text += text;
    return this.takes;
  }
  end(): void {
    this.destroy();
  }
  destroy(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.emit('close');
  }
  /** The sent events, by id. */
  get ids(): readonly number[] {
    return [...this.text.matchAll(/^id: \d+-(\d+)\nevent: event$/gm)].map((match) => Number(match[1]));
  }
}

/** In the history of the log as it is. */
const at = (id: number): EventPlace => ({ id, history: undefined });

const following = (more: Partial<EventFollowing> = {}): EventFollowing => ({
  username: 'admin',
  address: '10.20.0.8',
  filter: {},
  after: undefined,
  render: (event) => sentenceOf(event),
  isAllowed: async () => true,
  ...more,
});

async function withFollowers(work: (place: RegionPlace & { followers: EventFollowers }) => Promise<void>) {
  const place = await makeRegion();
  const followers = new EventFollowers(place.region);
  try {
    await work({ ...place, followers });
  } finally {
    followers.close();
    await place.remove();
  }
}

async function record({ region, clock }: RegionPlace, count: number, level: 'info' | 'warning' = 'info') {
  for (let index = 0; index < count; index += 1) {
    const event = {
      type: 'NODE_RACK_EVENT',
      level,
      code: 'rack',
      params: { text: `event ${index}` },
      atMs: clock.wallTimeMs(),
    } as const;
    await region.store.recordEvent({ ...event, username: '' }, undefined);
  }
}

test('a follower is sent new events, or those after an id, once and in order', () =>
  withFollowers(async (place) => {
    const { followers, clock } = place;
    await record(place, 5);
    const [fresh, resumed] = [new Reader(), new Reader()];
    await followers.open(fresh, following());
    await followers.open(resumed, following({ after: at(2) }));
    await clock.pass(1000);
    assert.deepEqual([fresh.ids, resumed.ids], [[], [3, 4, 5]]);
    await record(place, 250);
    await clock.pass(1000);
    assert.deepEqual(
      fresh.ids,
      Array.from({ length: 250 }, (_, index) => index + 6),
    );
    assert.equal(resumed.ids.length, 253);
    assert.match(fresh.text, /^id: \d+-6\nevent: event\ndata: "event 0"\n\n/m);
  }));

test('a follower whose key or account is removed gets nothing that is logged a second later, and its stream ends', () =>
  withFollowers(async (place) => {
    const { followers, clock } = place;
    let isAllowed = true;
    const [reader, other] = [new Reader(), new Reader()];
    await followers.open(reader, following({ isAllowed: async () => isAllowed }));
    await followers.open(other, following());
    await record(place, 3);
    await clock.pass(1500);
    isAllowed = false;
    await clock.pass(1500);
    await record(place, 3);
    await clock.pass(1000);
    assert.deepEqual([reader.ids, reader.isGone], [[1, 2, 3], true]);
    assert.deepEqual([other.ids, other.isGone], [[1, 2, 3, 4, 5, 6], false]);
  }));

test('a follower gets the events it asked for, and skips the others', () =>
  withFollowers(async (place) => {
    const { followers, clock } = place;
    const reader = new Reader();
    await followers.open(reader, following({ filter: { level: 'warning' } }));
    await record(place, 300);
    await record(place, 1, 'warning');
    await clock.pass(1000);
    await record(place, 10);
    await clock.pass(1000);
    assert.deepEqual(reader.ids, [301]);
  }));

test('a look ends after some milliseconds, and users take turns, however many followers each has', async () => {
  const place = await makeRegion();
  const readBy: string[] = [];
  const range = { oldest: 1, newest: 3 * PIECE_IDS, history: 1 };
  const listEvents = async (filter: EventFilter): Promise<readonly MachineEvent[]> => {
    readBy.push(String(filter.usernames));
    assert.ok((filter.upTo ?? Number.POSITIVE_INFINITY) - (filter.after ?? 0) <= PIECE_IDS, 'a bounded piece');
    // As long as a look may take.
    spentMs += 4;
    return [];
  };
  let spentMs = 0;
  let looks = 0;
  const clock = new Proxy(place.clock, {
    get: (whole, key) => {
      if (key === 'now') return () => later(whole.now(), spentMs);
      if (key === 'schedule') looks += 1;
      const value: unknown = Reflect.get(whole, key);
      return typeof value === 'function' ? value.bind(whole) : value;
    },
  });
  const store = new Proxy(place.region.store, {
    get: (whole, key) => {
      if (key === 'listEvents') return listEvents;
      if (key === 'nearestEvent') return async (_side: 'after', id: number) => id + 1;
      return key === 'eventRange' ? async () => range : Reflect.get(whole, key);
    },
  });
  const followers = new EventFollowers({ ...place.region, store, clock });
  try {
    const of = (username: string) => following({ username, filter: { usernames: [username] }, after: at(0) });
    for (let index = 0; index < 20; index += 1) await followers.open(new Reader(), of('olga'));
    await followers.open(new Reader(), of('ann'));
    await followers.open(new Reader(), of('bob'));
    looks = 0;
    await place.clock.pass(1);
    assert.deepEqual([readBy.length, looks], [3 * 22, 3 * 22 + 1], 'one piece for each look, and a last look');
    for (const user of ['olga', 'ann', 'bob'])
      assert.equal(readBy.slice(0, 9).filter((by) => by === user).length, 3, readBy.join());
  } finally {
    followers.close();
    await place.remove();
  }
});

test('a slow reader is sent nothing more until it has read, and then everything; a stalled one is disconnected', () =>
  withFollowers(async (place) => {
    const { followers, clock } = place;
    const [slow, still] = [new Reader(), new Reader()];
    await followers.open(slow, following());
    await followers.open(still, following());
    await clock.pass(300);
    slow.takes = false;
    still.takes = false;
    await record(place, 3);
    await clock.pass(300);
    const before = slow.ids.length;
    await record(place, 400);
    await clock.pass(30_000);
    assert.equal(slow.ids.length, before);
    slow.takes = true;
    slow.emit('drain');
    await clock.pass(1000);
    assert.equal(slow.ids.length, 403);
    assert.equal(new Set(slow.ids).size, 403);
    await clock.pass(60_000);
    assert.deepEqual([slow.isGone, still.isGone], [false, true]);
  }));

test('events that are no longer stored are reported as a gap', async () => {
  const place = await makeRegion();
  const store = openRegionStore({
    stateDir: place.stateDir,
    bounds: { machineEventsMax: 600, deedEventsMax: 600, strangerEventsMax: 600, rackEventsMax: 600 },
  });
  const followers = new EventFollowers({ ...place.region, store, clock: place.clock });
  try {
    for (let index = 0; index < 2000; index += 1) {
      await store.recordEvent(
        { type: 'NODE_RACK_EVENT', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' },
        undefined,
      );
    }
    const { oldest, newest } = await store.eventRange();
    assert.ok(oldest > 1 && newest === 2000, `${oldest} to ${newest}`);
    const reader = new Reader();
    await followers.open(reader, following({ after: at(1), filter: { level: 'debug' } }));
    await place.clock.pass(5000);
    assert.ok(reader.text.includes(`event: gap\ndata: {"after":1,"oldest":${oldest}}\n\n`));
    assert.equal(reader.ids[0], oldest);
    assert.equal(reader.ids.at(-1), newest);
  } finally {
    followers.close();
    await store.close();
    await place.remove();
  }
});

test('a place in another history, before the oldest event, gets one gap', async () => {
  const place = await makeRegion();
  const range = { oldest: 500, newest: 600, history: 7 };
  const store = new Proxy(place.region.store, {
    get: (whole, key) => {
      if (key === 'eventRange') return async () => range;
      if (key === 'historyEnd') return async () => 0;
      if (key === 'nearestEvent') return async () => undefined;
      return key === 'listEvents' ? async () => [] : Reflect.get(whole, key);
    },
  });
  const followers = new EventFollowers({ ...place.region, store });
  try {
    const reader = new Reader();
    await followers.open(reader, following({ after: { id: 1, history: 1 } }));
    await place.clock.pass(1000);
    assert.deepEqual(reader.text.match(/event: gap\ndata: .*/g), ['event: gap\ndata: {"after":1,"oldest":500}']);
  } finally {
    followers.close();
    await place.remove();
  }
});

test('a follower whose place is beyond the end of the log, which was restored, gets a gap, and then what is new', () =>
  withFollowers(async (place) => {
    const { followers, clock } = place;
    await record(place, 5);
    const [ahead, soon] = [new Reader(), new Reader()];
    await followers.open(ahead, following({ after: at(104) }));
    await followers.open(soon, following({ after: at(7) }));
    await clock.pass(5000);
    await record(place, 3);
    await clock.pass(1000);
    assert.deepEqual([ahead.text.includes('gap'), soon.ids], [false, [8]], 'another process may have been ahead');
    await clock.pass(10_000);
    assert.match(ahead.text, /event: gap\ndata: {"after":104,"oldest":6}\n\n/);
    assert.deepEqual([ahead.ids, soon.ids], [[6, 7, 8], [8]]);
  }));

test('followers are bounded, the log is not read without any, and comments keep a quiet stream open', () =>
  withFollowers(async ({ followers, clock }) => {
    const pending = clock.pending;
    const readers = Array.from({ length: FOLLOWERS_MAX }, () => new Reader());
    for (const reader of readers) assert.equal(await followers.open(reader, following()), true);
    assert.equal(await followers.open(new Reader(), following()), false);
    await clock.pass(3 * COMMENT_MS);
    assert.equal(readers[0]?.text.match(/^: here$/gm)?.length, 4);
    for (const reader of readers) reader.destroy();
    await clock.pass(1000);
    assert.equal(clock.pending, pending);
    assert.equal(await followers.open(new Reader(), following()), true);
  }));

for (const [name, other] of [
  ['one user has all streams, and another one wants one', { username: 'bob' }],
  ['one address of a user has all streams, and another address of that user wants one', { address: '10.20.0.9' }],
] as const) {
  test(`${name}: the oldest gives way, and each newcomer up to an even share`, () =>
    withFollowers(async (place) => {
      const { followers, clock } = place;
      const readers = Array.from({ length: FOLLOWERS_MAX }, () => new Reader());
      for (const reader of readers) assert.equal(await followers.open(reader, following()), true);
      const newcomers = Array.from({ length: FOLLOWERS_MAX }, () => new Reader());
      const taken: Reader[] = [];
      for (const reader of newcomers) if (await followers.open(reader, following(other))) taken.push(reader);
      assert.equal(taken.length, FOLLOWERS_MAX / 2);
      assert.deepEqual(
        readers.map(({ isGone }) => isGone),
        readers.map((_, index) => index < FOLLOWERS_MAX / 2),
      );
      await record(place, 1);
      await clock.pass(1000);
      assert.deepEqual(
        taken.map(({ ids }) => ids.length),
        taken.map(() => 1),
      );
    }));
}

test('an event of the stream is a group of lines that ends with an empty one', () => {
  assert.equal(
    formatStreamEvent({ id: 7, event: 'state', data: { a: 'x\ny' } }),
    'id: 7\nevent: state\ndata: {"a":"x\\ny"}\n\n',
  );
  assert.equal(formatStreamEvent({ data: 1 }), 'data: 1\n\n');
});
