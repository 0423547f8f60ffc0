import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHARE_WORK_MAX, STREAM_TURNS, STRETCH_MS, TIME_SHARE_MAX, TURN_WORK_MAX } from '../../src/dns/stream.ts';
import { OTHERS_ACTIVE_MS, Turns, type Worker } from '../../src/ground/turns.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A worker with a fixed amount of work that logs each piece under its name. */
class Busy implements Worker {
  readonly name: string;
  readonly #done: string[] | undefined;
  readonly #onWork: (worker: Busy) => void;
  /** The largest `most` it was given. */
  most = 0;
  left: number;

  constructor(name: string, left: number, done?: string[], onWork: (worker: Busy) => void = () => undefined) {
    this.name = name;
    this.left = left;
    this.#done = done;
    this.#onWork = onWork;
  }

  get hasWork(): boolean {
    return this.left > 0;
  }

  work(most: number): number {
    this.most = Math.max(this.most, most);
    const worked = Math.min(most, this.left);
    for (let count = 0; count < worked; count += 1) {
      this.left -= 1;
      this.#done?.push(this.name);
      this.#onWork(this);
    }
    return worked;
  }
}

/** Turns on a stopped clock, so that no rest is due. */
const untimed = (): Turns => new Turns(new VirtualClock(), STREAM_TURNS, () => undefined);

describe('turns of the event loop', () => {
  it('one turn does at most `turnWork`, however many workers wait', async () => {
    const done: string[] = [];
    const turns = untimed();
    for (let index = 0; index < 20; index += 1) turns.ask(new Busy(`w${index}`, 1000, done));
    // The work allowed at once was done.
    assert.equal(done.length, TURN_WORK_MAX);
    for (let count = 2; count < 20; count += 1) {
      await turn();
      assert.equal(done.length, count * TURN_WORK_MAX);
    }
  });

  it('one worker gets its share, then the next follows', async () => {
    const done: string[] = [];
    const turns = untimed();
    const workers = ['a', 'b', 'c'].map((name) => new Busy(name, 1000, done));
    for (const worker of workers) turns.ask(worker);
    await turn();
    for (const { name, most } of workers) {
      assert.ok(most <= SHARE_WORK_MAX);
      const own = done.filter((each) => each === name).length;
      assert.ok(Math.abs(own - done.length / 3) <= SHARE_WORK_MAX, `${name} did ${own} of ${done.length}`);
    }
  });

  it('a worker with little to do finishes in the next turn, while a hundred others always have more', async () => {
    const done: string[] = [];
    const turns = untimed();
    for (let index = 0; index < 100; index += 1) turns.ask(new Busy('greedy', 100_000, done));
    // Until each of the hundred had its share.
    for (let count = 0; count < 100; count += 1) await turn();
    for (let round = 0; round < 10; round += 1) {
      await turn();
      // The work allowed at once is used up.
      turns.ask(new Busy('greedy', TURN_WORK_MAX, done));
      for (let index = 0; index < 4; index += 1) turns.ask(new Busy('greedy', SHARE_WORK_MAX, done));
      const modest = new Busy('modest', 1, done);
      turns.ask(modest);
      await turn();
      assert.equal(modest.left, 0, `round ${round}`);
    }
  });

  it('workers that ask for little again and again do not starve one that always has more', async () => {
    const done: string[] = [];
    const turns = untimed();
    const greedy = new Busy('greedy', 1000, done);
    const modest = Array.from({ length: 50 }, () => new Busy('modest', 1, done));
    turns.ask(greedy);
    for (let round = 0; round < 50; round += 1) {
      for (const worker of modest) {
        worker.left = SHARE_WORK_MAX;
        turns.ask(worker);
      }
      await turn();
    }
    assert.ok(greedy.left < 1000 - 50 * SHARE_WORK_MAX, `${greedy.left} are left`);
  });

  it('a worker that is asked for during work does not run inside it', async () => {
    const done: string[] = [];
    const turns = untimed();
    const second = new Busy('second', 3, done);
    turns.ask(
      new Busy('first', 3, done, (worker) => {
        turns.ask(second);
        if (worker.left > 0) assert.ok(!done.includes('second'));
      }),
    );
    assert.deepEqual(done, ['first', 'first', 'first']);
    await turn();
    assert.deepEqual(done.slice(3), ['second', 'second', 'second']);
  });

  it('a forgotten worker gets no more turns', async () => {
    const done: string[] = [];
    const turns = untimed();
    const workers = Array.from({ length: 10 }, (_, index) => new Busy(`w${index}`, 1000, done));
    for (const worker of workers) turns.ask(worker);
    for (const worker of workers) turns.forget(worker);
    const before = done.length;
    await turn();
    await turn();
    assert.equal(done.length, before);
  });
});

describe('the time of TCP questions', () => {
  const WORK_MS = 0.05;

  /** Works for `ms` with endless work in pieces of WORK_MS. @returns the share of the time spent working */
  async function shareOf(ms: number, datagrams: (at: number) => number | undefined): Promise<number> {
    const clock = new VirtualClock();
    const startedAt = clock.now();
    const turns = new Turns(clock, STREAM_TURNS, () => datagrams(clock.now() - startedAt));
    let worked = 0;
    const endless = new Busy('endless', Number.MAX_SAFE_INTEGER, undefined, () => {
      worked += WORK_MS;
      clock.advance(WORK_MS);
    });
    turns.ask(endless);
    while (clock.now() - startedAt < ms) {
      const before = worked;
      await turn();
      if (worked === before) clock.advance(0.25);
    }
    turns.forget(endless);
    endless.left = 0;
    return worked / (clock.now() - startedAt);
  }

  it(`is at most ${TIME_SHARE_MAX} of all time while others send datagrams`, async () => {
    let count = 0;
    const share = await shareOf(400, () => {
      count += 1;
      return count;
    });
    // One share of work may exceed the time that is left.
    assert.ok(share <= TIME_SHARE_MAX + (SHARE_WORK_MAX * WORK_MS + STRETCH_MS) / 400, `${share}`);
    assert.ok(share > TIME_SHARE_MAX / 2, `${share}`);
  });

  it('is the same where datagrams are not counted', async () => {
    const share = await shareOf(400, () => undefined);
    assert.ok(share < TIME_SHARE_MAX + 0.01, `${share}`);
  });

  it('is all time after a second without a datagram, until the next one', async () => {
    const share = await shareOf(2 * OTHERS_ACTIVE_MS, () => 7);
    const expected = (1 + TIME_SHARE_MAX) / 2;
    assert.ok(Math.abs(share - expected) < 0.1, `${share}, not ${expected}`);
    const again = await shareOf(3 * OTHERS_ACTIVE_MS, (at) => (at < 2 * OTHERS_ACTIVE_MS ? 7 : 8));
    const less = (1 + 2 * TIME_SHARE_MAX) / 3;
    assert.ok(Math.abs(again - less) < 0.1, `${again}, not ${less}`);
  });
});
