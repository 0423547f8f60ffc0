// Large upstream replies get a share of the time, in the order in which they came.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LARGE_REPLIES_WAITING_MAX, LargeReplies } from '../../src/dns/large-replies.ts';
import { STREAM_TURNS, TIME_SHARE_MAX } from '../../src/dns/stream.ts';
import { later } from '../../src/ground/clock.ts';
import { Turns } from '../../src/ground/turns.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const REPLY = new Uint8Array(60_000);
/** The cost of a reply with 3 200 records. */
const REPLY_MS = 40;

function rig() {
  const clock = new VirtualClock();
  const taken: number[] = [];
  const replies: LargeReplies = new LargeReplies(new Turns(clock, STREAM_TURNS, () => undefined), (exchange) => {
    taken.push(exchange);
    // As the forwarder does.
    replies.forget(exchange);
    clock.advance(REPLY_MS);
  });
  return { clock, taken, replies };
}

describe('large replies', () => {
  it(`take ${TIME_SHARE_MAX} of the time, however many come; replies beyond the bound are dropped at once`, async () => {
    const { clock, taken, replies } = rig();
    const startedAt = clock.now();
    let lost = 0;
    let next = startedAt;
    for (let exchange = 0; clock.now() - startedAt < 4000; ) {
      // Twenty a second.
      for (; next <= clock.now(); next = later(next, 50)) {
        if (!replies.hold(exchange, REPLY)) lost += 1;
        exchange += 1;
      }
      const before = taken.length;
      await turn();
      if (taken.length === before) clock.advance(1);
    }
    const share = (taken.length * REPLY_MS) / (clock.now() - startedAt);
    assert.ok(share <= TIME_SHARE_MAX + REPLY_MS / 4000, `${share}`);
    assert.ok(share > TIME_SHARE_MAX / 2, `${share}`);
    assert.ok(lost > 20, `${lost} were lost`);
    assert.deepEqual(
      taken,
      taken.toSorted((a, b) => a - b),
    );
  });

  it('wait no longer than an exchange lasts; a reply whose exchange has ended is dropped', async () => {
    const { clock, taken, replies } = rig();
    const held = Array.from({ length: LARGE_REPLIES_WAITING_MAX + 3 }, (_, exchange) => replies.hold(exchange, REPLY));
    assert.deepEqual(taken, [0], 'the first has none before it');
    assert.deepEqual(held.slice(-3), [true, false, false]);
    replies.forget(2);
    for (let ms = 0; ms < 1500; ms += 1) {
      clock.advance(1);
      await turn();
    }
    assert.deepEqual(taken, [0, 1, 3, 4]);
    assert.equal(replies.hasWork, false);
  });
});
