// Sources are asked what they offer when somebody looks: a few at a time, each answer is kept, and a silent source delays nobody for long.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SourceOffers } from '../../../src/images/engine/asking.ts';
import type { ImageSource } from '../../../src/images/sources/source.ts';
import { OfferedImages } from '../../../src/region/images/offered-images.ts';
import { buildStreamSource, type RegionSource } from '../../../src/region/images/region-source.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const sourceOf = (id: number, url = `https://site-${id}/`): RegionSource => {
  const row = { url, why: 'a test', keyringFilename: '', keyring: new Uint8Array() };
  return { ...row, id, createdMs: 0, updatedMs: 0, images: buildStreamSource(row) };
};
const offers = (problems: readonly string[] = []): SourceOffers => ({ images: [], problems });

/** Answers by hand. */
class Askers {
  readonly clock = new VirtualClock();
  readonly asked: ImageSource[] = [];
  readonly open: PromiseWithResolvers<SourceOffers>[] = [];
  readonly offered = new OfferedImages(this.clock, (source) => {
    this.asked.push(source);
    const one = Promise.withResolvers<SourceOffers>();
    this.open.push(one);
    return one.promise;
  });
}

test('four sources are asked at a time, and the others when one has answered', async () => {
  const { clock, asked, open, offered } = new Askers();
  const sources = [1, 2, 3, 4, 5, 6].map((id) => sourceOf(id));
  const found = offered.find(sources, { waitMs: 1000 });
  assert.equal(asked.length, 4);
  open[0]?.resolve(offers());
  open[1]?.reject(new Error('no route'));
  await nextTurn();
  assert.equal(asked.length, 6);
  clock.advance(1000);
  const answers = await found;
  assert.deepEqual(
    answers.map(({ answer, isPending: isAsking }) => [answer?.problems, isAsking]),
    [[[], false], [['no route'], false], ...Array.from({ length: 4 }, () => [undefined, true])],
  );
});

test('an answer is kept for a quarter of an hour, a problem for a minute, and nothing of a source that was changed', async () => {
  const { clock, asked, open, offered } = new Askers();
  const answered = async (source: RegionSource, answer: SourceOffers, options: { mustAskAgain?: boolean } = {}) => {
    const before = asked.length;
    const found = offered.find([source], { waitMs: 1000, ...options });
    if (asked.length > before) open.at(-1)?.resolve(answer);
    await found;
    return asked.length - before;
  };
  assert.equal(await answered(sourceOf(1), offers()), 1);
  clock.advance(14 * 60_000);
  assert.equal(await answered(sourceOf(1), offers()), 0, 'it is fresh');
  clock.advance(2 * 60_000);
  const [old] = await offered.find([sourceOf(1)], { waitMs: 1000 });
  assert.deepEqual([old?.answer?.problems, old?.isPending], [[], true], 'the old answer is shown meanwhile');
  open.at(-1)?.resolve(offers(['its key has expired']));
  await nextTurn();
  assert.equal(await answered(sourceOf(1), offers()), 0);
  clock.advance(61_000);
  const [failed] = await offered.find([sourceOf(1)], { waitMs: 1000 });
  assert.deepEqual([failed?.answer?.problems, failed?.isPending], [['its key has expired'], true]);
  open.at(-1)?.resolve(offers());
  await nextTurn();
  assert.equal(await answered(sourceOf(1), offers(), { mustAskAgain: true }), 1, 'a person asks again');
  assert.equal(await answered(sourceOf(1, 'https://other/'), offers()), 1, 'the source is another one now');
});

test('a host that asks no source says so', async () => {
  const [found] = await new OfferedImages(new VirtualClock(), undefined).find([sourceOf(1)], { waitMs: 1000 });
  assert.match(found?.answer?.problems.join() ?? '', /keeps no images/);
});
