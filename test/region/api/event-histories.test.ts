// The event log after a restore that lacks its newest events: their ids are used again, and a reader who had them misses none of the others.
// @host waits, 10 s

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { assertStatus } from '../../support/answered.ts';
import { missing } from '../../support/needs.ts';
import { PostgresServer, RegionDatabases } from '../../support/postgres-server.ts';
import { type LiveRegion, startRegion } from '../live.ts';

const LOG = '/MAAS/api/2.0/events/';

/** One message of a stream. */
interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: { readonly description?: string; readonly after?: number; readonly oldest?: number };
}

/** A store that can be saved and restored while no region runs on it. */
interface Saved {
  open(): Promise<RegionStore>;
  save(): Promise<void>;
  restore(): Promise<void>;
}

async function record({ region }: LiveRegion, words: string, count: number) {
  for (let index = 1; index <= count; index += 1) {
    const said = { code: 'rack', params: { text: `${words} ${index}` } } as const;
    await region.store.recordEvent({ type: 'NODE', level: 'info', ...said, atMs: 1, username: '' }, undefined);
  }
}

/** The stream after a place. */
async function open({ origin, authorization }: LiveRegion, place: string) {
  const headers = { authorization, accept: 'text/event-stream', 'last-event-id': place };
  const answer = await assertStatus(fetch(`${origin}${LOG}`, { headers, signal: AbortSignal.timeout(60_000) }), 200);
  return answer;
}

/** The messages of a stream, up to the one with these words. */
async function read(answer: Response, last: string) {
  const messages: Message[] = [];
  let rest = '';
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + piece).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
      if (field('data') !== '')
        messages.push({ id: field('id'), event: field('event'), data: JSON.parse(field('data')) });
    }
    if (messages.at(-1)?.data.description === last) break;
  }
  return messages;
}

const follow = async (live: LiveRegion, place: string, last: string) => await read(await open(live, place), last);

const words = (events: readonly { readonly description?: string }[]): readonly (string | undefined)[] =>
  events.map(({ description }) => description).filter((one) => /^(?:kept|lost|other)/.test(one ?? ''));

interface Page {
  readonly events: readonly { readonly description: string; readonly id: number }[];
  readonly next_uri: string;
}

async function page({ origin, authorization }: LiveRegion, path = `${LOG}?op=query`): Promise<Page> {
  const answer = await assertStatus(fetch(`${origin}${path}`, { headers: { authorization } }), 200);
  return JSON.parse(await answer.text());
}

/** @param isRestarted true: the region starts once more, after the restore, before the reader comes back */
async function restoreUnderReaders(saved: Saved, isRestarted: boolean) {
  const start = async () => startRegion({}, { store: await saved.open() });
  let live = await start();
  await record(live, 'kept', 3);
  const { newest: common } = await live.region.store.eventRange();
  await live.close();
  await saved.save();
  live = await start();
  const kept = (await follow(live, '0', 'kept 3')).at(-1);
  await record(live, 'lost', 2);
  // A restart that loses nothing is no other history for a reader.
  const lost = await follow(live, kept?.id ?? '', 'lost 2');
  assert.deepEqual(
    [words(lost.map(({ data }) => data)), lost.some(({ event }) => event === 'gap')],
    [['lost 1', 'lost 2'], false],
  );
  const { newest } = await live.region.store.eventRange();
  const { next_uri: next } = await page(live);
  await live.close();

  await saved.restore();
  live = await start();
  await record(live, 'other', 7);
  if (isRestarted) {
    await live.close();
    live = await start();
    await record(live, 'other still', 1);
  }
  try {
    const last = isRestarted ? 'other still 1' : 'other 7';
    const others = [...Array.from({ length: 7 }, (_, index) => `other ${index + 1}`), ...(isRestarted ? [last] : [])];
    const [gap, ...messages] = await follow(live, lost.at(-1)?.id ?? '', last);
    assert.deepEqual([gap?.event, gap?.data], ['gap', { after: newest, oldest: common + 1 }]);
    assert.deepEqual(words(messages.map(({ data }) => data)), others);
    assert.deepEqual(words((await page(live, next)).events).toReversed(), others);
    // A reader that has the place of the gap hears of it no more.
    assert.equal((await follow(live, gap?.id ?? '', last))[0]?.event, 'event');
  } finally {
    await live.close();
  }
}

for (const isRestarted of [false, true]) {
  const when = isRestarted ? 'a restore and a restart' : 'a restore';
  test(`region.db: after ${when}, readers get a gap and every event that they do not have`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-histories-'));
    const [file, copy] = [join(directory, REGION_FILE), join(directory, 'copy.db')];
    try {
      const saved: Saved = {
        open: async () => openRegionStore({ stateDir: directory }),
        save: async () => copyFileSync(file, copy),
        restore: async () => copyFileSync(copy, file),
      };
      await restoreUnderReaders(saved, isRestarted);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

/** Lets the name lead to this server. */
function point(name: string, server: PostgresServer) {
  symlinkSync(server.directory, `${name}.new`);
  renameSync(`${name}.new`, name);
}

describe('PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases?.close());

  for (const isRestarted of [false, true]) {
    const when = isRestarted ? 'a restore and a restart' : 'a restore';
    test(`after ${when}, readers get a gap and every event that they do not have`, async () => {
      const { server } = databases;
      let [current, copy] = [await databases.make(), ''];
      const saved: Saved = {
        open: () => openPostgresRegion(server.placeOf(current)),
        save: async () => {
          copy = await server.makeDatabase(current);
        },
        restore: async () => {
          current = copy;
        },
      };
      await restoreUnderReaders(saved, isRestarted);
    });
  }

  test('a standby takes over that lacks the newest events: readers get a gap and every event that they do not have', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-histories-'));
    /** The last opened one first. */
    const ends: (() => Promise<void>)[] = [async () => rmSync(directory, { recursive: true })];
    t.after(async () => {
      for (const end of ends) await end();
    });
    const name = join(directory, 'database');
    const primary = await PostgresServer.start();
    ends.unshift(() => primary.close());
    await primary.query('CREATE DATABASE region');
    const standby = await primary.startStandby(false);
    ends.unshift(() => standby.close());
    point(name, primary);
    const store = await openPostgresRegion({ url: primary.urlOf('region', name), pool: 2 });
    const live = await startRegion({}, { store });
    ends.unshift(() => live.close());
    await record(live, 'kept', 3);
    await primary.cutOff(standby);
    await record(live, 'lost', 60);
    const place = (await follow(live, '0', 'lost 60')).at(-1)?.id ?? '';
    const streamed = read(await open(live, place), 'other 9');
    await primary.end('SIGKILL');
    point(name, standby);
    await standby.promote();
    await record(live, 'other', 9);

    const others = Array.from({ length: 9 }, (_, index) => `other ${index + 1}`);
    for (const messages of [await streamed, await follow(live, place, 'other 9')]) {
      assert.equal(messages[0]?.event, 'gap');
      assert.deepEqual(words(messages.map(({ data }) => data)), others);
    }
  });
});

test('a Last-Event-ID that is not a place is refused by its value, and an empty one means none', async () => {
  const live = await startRegion({});
  const ask = (place: string) =>
    fetch(`${live.origin}${LOG}`, {
      headers: { authorization: live.authorization, accept: 'text/event-stream', 'last-event-id': place },
      signal: AbortSignal.timeout(10_000),
    });
  try {
    for (const place of ['abc', '-3', '1-', '3.0', '1-2, 1-3', 'null']) {
      const answer = await ask(place);
      const text = await answer.text();
      assert.deepEqual(
        [answer.status, answer.headers.get('content-type')?.includes('event-stream')],
        [400, false],
        place,
      );
      assert.match(text, new RegExp(`"Last-Event-ID": \\[\\s*"${place} is not a place in the event log: `));
    }
    const now = await assertStatus(ask(''), 200);
    await now.body?.cancel();
  } finally {
    await live.close();
  }
});
