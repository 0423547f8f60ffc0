// Lists in pieces: with any entries, a list takes little memory and delays no other client, and no user takes all places.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../../src/ground/clock.ts';
import { LIST_PIECE_BYTES, LISTS_MAX, Lists, type SentList } from '../../../src/region/http/lists.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** Entries of this size, and the number of entries taken so far. */
function entriesOf(count: number, bytes: number) {
  const made = { count: 0, hasEnded: false };
  async function* entries(): AsyncGenerator<unknown, void> {
    try {
      for (; made.count < count; made.count += 1) yield { place: made.count, text: 'x'.repeat(bytes) };
    } finally {
      made.hasEnded = true;
    }
  }
  return { made, entries: entries() };
}

async function* inTurn(entries: readonly unknown[]): AsyncGenerator<unknown, void> {
  yield* entries;
}

const makeLists = () => new Lists(new VirtualClock(1_700_000_000_000, 1));

async function textOf(sent: SentList) {
  if (sent.kind === 'whole') return sent.text.toString('utf8');
  assert.ok(sent.kind === 'stream');
  let text = '';
  for await (const piece of sent.stream) text += String(piece);
  sent.release();
  return text;
}

test('a list is one valid array, whatever its length and whichever entries are left out', async () => {
  for (const count of [0, 1, 2, 63, 64, 65, 200, 1000]) {
    const { entries } = entriesOf(count, 1024);
    const places: number[] = JSON.parse(await textOf(await makeLists().send({ holder: 'joe 1', entries }, false))).map(
      ({ place }: { place: number }) => place,
    );
    assert.deepEqual(
      places,
      Array.from({ length: count }, (_, place) => place),
    );
    const some = [undefined, ...Array.from({ length: count }, (_, place) => (place % 3 === 0 ? place : undefined))];
    const found = JSON.parse(await textOf(await makeLists().send({ holder: 'joe 1', entries: inTurn(some) }, false)));
    assert.deepEqual(
      found,
      some.filter((place) => place !== undefined),
    );
  }
});

test('a list has the text of the whole array, with one key a line or as short as it can be', async () => {
  for (const count of [0, 1, 2, 200]) {
    const values = Array.from({ length: count }, (_, place) => ({ place, in: [{ text: 'é,{' }, []], none: {} }));
    for (const isCompact of [false, true]) {
      const text = await textOf(await makeLists().send({ holder: 'joe 1', entries: inTurn(values) }, isCompact));
      assert.equal(text, JSON.stringify(values, null, isCompact ? 0 : 4));
    }
  }
});

test('a list is rendered no faster than its client takes it, however large its entries are', async () => {
  const { made, entries } = entriesOf(1000, LIST_PIECE_BYTES);
  const sent = await makeLists().send({ holder: 'joe 1', entries }, false);
  assert.ok(sent.kind === 'stream');
  assert.equal(made.count, 0, 'one entry fills the first piece');
  sent.stream.once('readable', () => {});
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
  assert.ok(made.count <= 2, `${made.count} entries were made for a client that takes none`);
  sent.stream.destroy();
  await nextTurn();
  assert.ok(made.hasEnded, 'a client that goes ends the list');
});

test('users take turns: a user with many lists does not delay the list of another', async () => {
  const lists = makeLists();
  const ends: string[] = [];
  const read = async (holder: string) => {
    await textOf(await lists.send({ holder, entries: entriesOf(40, LIST_PIECE_BYTES).entries }, false));
    ends.push(holder);
  };
  await Promise.all([...Array.from({ length: 8 }, () => read('joe 1')), read('ann 2')]);
  assert.equal(ends[0], 'ann 2');
});

test('at the bound the user with most lists loses one to another, and gets no more', async () => {
  const lists = makeLists();
  const open = async (holder: string) =>
    await lists.send({ holder, entries: entriesOf(10, LIST_PIECE_BYTES).entries }, false);
  const joes = await Promise.all(Array.from({ length: LISTS_MAX }, () => open('joe 1')));
  assert.ok(joes.every(({ kind }) => kind === 'stream'));
  const refused = entriesOf(10, LIST_PIECE_BYTES);
  assert.equal((await lists.send({ holder: 'joe 1', entries: refused.entries }, false)).kind, 'refused');
  assert.ok(refused.made.hasEnded);
  const lost = new Promise((resolve) => {
    for (const sent of joes) if (sent.kind === 'stream') sent.stream.once('error', resolve);
  });
  const ann = await open('ann 2');
  assert.match(String(await lost), /the list of another user/);
  assert.equal(JSON.parse(await textOf(ann)).length, 10);
  for (const sent of joes) {
    if (sent.kind !== 'stream') continue;
    sent.stream.destroy();
    sent.release();
  }
  const again = await Promise.all(Array.from({ length: LISTS_MAX }, () => open('eve 3')));
  assert.ok(
    again.every(({ kind }) => kind === 'stream'),
    'every place was given back',
  );
});

test('a list whose client has left ends, even while it leaves out every entry', async () => {
  const clock = new VirtualClock(1_700_000_000_000, 1);
  let read = 0;
  let hasEnded = false;
  async function* leftOut(): AsyncGenerator<undefined, void> {
    try {
      for (; read < 10_000; read += 1) {
        await clock.pass(10);
        yield undefined;
      }
    } finally {
      hasEnded = true;
    }
  }
  const sent = await new Lists(clock).send({ holder: 'joe 1', entries: leftOut() }, false);
  assert.ok(sent.kind === 'stream');
  sent.stream.on('error', () => undefined);
  sent.stream.resume();
  await nextTurn();
  sent.stream.destroy();
  sent.release();
  while (!hasEnded) await nextTurn();
  assert.ok(read < 1000, `${read} entries were read`);
});

test('the event loop runs between pieces, even for a list that finds nothing', async () => {
  let rounds = 0;
  let isDone = false;
  const count = () => {
    rounds += 1;
    if (!isDone) setImmediate(count);
  };
  async function* slow(): AsyncGenerator<unknown, void> {
    for (let entry = 0; entry < 40; entry += 1) {
      const until = systemClock.now() + 2;
      while (systemClock.now() < until);
      yield undefined;
    }
  }
  setImmediate(count);
  const lists = new Lists(systemClock);
  assert.equal(await textOf(await lists.send({ holder: 'joe 1', entries: slow() }, false)), '[]');
  isDone = true;
  assert.ok(rounds >= 10, `${rounds} rounds while 80 ms of work were done`);
});
