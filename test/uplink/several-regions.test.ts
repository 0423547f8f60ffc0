// Which of a region's addresses the link asks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteText } from '../../src/region/reports/notes.ts';
import {
  type FailureNote,
  type LinkAnswer,
  LinkFailure,
  type LinkListener,
  type LinkRequest,
  type RegionAddress,
} from '../../src/uplink/link-transport.ts';
import { SeveralRegions } from '../../src/uplink/several-regions.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const REQUEST: LinkRequest = { method: 'GET', path: '/uplink/1/x', authorized: true };

/** An address whose answers the test gives. */
class Address implements RegionAddress {
  readonly url: string;
  /** A status, or none: it does not answer. */
  status: number | undefined = 200;
  /** The status of a server that is not a region. */
  foreign: number | undefined;
  asked = 0;
  listener: LinkListener | undefined;
  isClosed = false;

  constructor(url: string, clock: VirtualClock) {
    this.url = url;
    this.#clock = clock;
  }

  async ask(): Promise<LinkAnswer> {
    this.asked += 1;
    // As over a network, others ask meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    const { url, foreign: status } = this;
    if (status !== undefined) throw new LinkFailure({ note: 'link-foreign', url, status, where: '', more: 0 });
    if (this.status === undefined)
      throw new LinkFailure({ note: 'link-unanswered', url, fault: 'failed', said: 'ECONNREFUSED', max: 0, more: 0 });
    return { status: this.status, retryAfterMs: undefined, body: this.url };
  }

  follow(_path: string, listener: LinkListener): { close(): void } {
    this.listener = listener;
    return { close: () => undefined };
  }

  /** How long its next pings take, in milliseconds; undefined: they have no answer. */
  pingMs: number | undefined = 0;
  abandoned = 0;
  readonly #clock: VirtualClock;

  ping(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const { url, foreign: status } = this;
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      if (status !== undefined) reject(new LinkFailure({ note: 'link-foreign', url, status, where: '', more: 0 }));
      else if (this.pingMs !== undefined) this.#clock.schedule(this.pingMs, resolve);
    });
  }

  abandon(): void {
    this.abandoned += 1;
  }

  close(): void {
    this.isClosed = true;
  }
}

function place() {
  const clock = new VirtualClock();
  const addresses = ['a', 'b', 'c'].map((url) => new Address(url, clock)) as [Address, Address, Address];
  const moves: string[] = [];
  const foreign: FailureNote[] = [];
  let changes = 0;
  const onChanged = (): void => {
    changes += 1;
  };
  const onMoved = (url: string, former: string): void => void moves.push(`${former} to ${url}`);
  const onForeign = (note: FailureNote): void => void foreign.push(note);
  return {
    addresses,
    clock,
    moves,
    foreign,
    changes: () => changes,
    regions: new SeveralRegions({ regions: addresses, clock, onMoved, onForeign, onChanged }),
  };
}

test('the address that answered last is asked, and the next ones only if it does not answer', async () => {
  const { addresses, moves, regions } = place();
  const [a, b, c] = addresses;
  assert.equal((await regions.ask(REQUEST)).body, 'a');
  a.status = undefined;
  assert.equal((await regions.ask(REQUEST)).body, 'b');
  a.status = 200;
  assert.equal((await regions.ask(REQUEST)).body, 'b', 'it stays there');
  assert.equal(regions.url, 'b');
  b.status = 503;
  c.status = undefined;
  assert.equal((await regions.ask(REQUEST)).body, 'a');
  assert.deepEqual(
    addresses.map(({ asked }) => asked),
    [3, 3, 1],
  );
  assert.deepEqual(moves, ['a to b', 'b to a']);
});

test('if no address answers, each was asked once, and the failure of the first is reported; a "not now" is an answer', async () => {
  const { addresses, regions } = place();
  for (const address of addresses) address.status = undefined;
  await assert.rejects(regions.ask(REQUEST), (error) => {
    assert.ok(error instanceof LinkFailure);
    const text = 'a does not answer: ECONNREFUSED; 2 other addresses of region.url do not answer either';
    assert.equal(noteText(error.note), text);
    return true;
  });
  assert.deepEqual(
    addresses.map(({ asked }) => asked),
    [1, 1, 1],
  );
  const [, b] = addresses;
  b.status = 503;
  assert.equal((await regions.ask(REQUEST)).status, 503);
});

test('an address where something else answers is left like a silent one, and reported once until the region answers there', async () => {
  const { addresses, foreign, moves, regions } = place();
  const [a, b, c] = addresses;
  a.foreign = 404;
  for (let times = 0; times < 3; times += 1) assert.equal((await regions.ask(REQUEST)).body, 'b');
  assert.equal(a.asked, 1);
  assert.deepEqual(moves, ['a to b']);
  assert.deepEqual(foreign.map(noteText), [
    "a answers 404, but is not a Rackboot region: correct this address in region.url, or the proxy between; it must pass on the region's answers whole",
  ]);
  b.status = undefined;
  c.status = undefined;
  await assert.rejects(regions.ask(REQUEST), (error) => {
    assert.ok(error instanceof LinkFailure);
    assert.match(
      noteText(error.note),
      /^a answers 404, .*; 2 other addresses of region\.url do not answer as a region either$/,
    );
    return true;
  });
  assert.equal(foreign.length, 1);
  a.foreign = undefined;
  await regions.ask(REQUEST);
  a.foreign = 500;
  await regions.ask(REQUEST).catch(() => undefined);
  assert.deepEqual(
    foreign.map((note) => note.note === 'link-foreign' && note.status),
    [404, 500],
  );
});

test('an address that says "not now" fails from its first refusal until a request is served, though it answers pings meanwhile', async () => {
  const { addresses, clock, regions } = place();
  const [a, b, c] = addresses;
  await regions.ask(REQUEST);
  c.foreign = 404;
  a.status = 503;
  b.status = 503;
  const startMs = clock.wallTimeMs();
  for (let seconds = 0; seconds < 60; seconds += 5) {
    await regions.ask(REQUEST);
    await clock.pass(5000);
  }
  assert.deepEqual(
    regions.addresses.map(({ failure }) => failure && failure.sinceMs - startMs),
    [0, 0, 0],
  );
  b.status = 200;
  await regions.ask(REQUEST);
  await regions.ask(REQUEST);
  assert.equal(regions.addresses[1]?.failure, undefined);
  // Nothing but pings asks the other address again, which has its database back as well.
  await clock.pass(60_000);
  assert.deepEqual(
    regions.addresses.map(({ failure }) => failure === undefined),
    [true, true, false],
  );
  regions.close();
});

test('any other answer counts, even a refusal', async () => {
  const { addresses, regions } = place();
  addresses[0].status = 401;
  assert.equal((await regions.ask(REQUEST)).status, 401);
  assert.equal(addresses[1].asked, 0);
});

test('requests that fail at the same time move the link by one address, not by as many', async () => {
  const { addresses, regions } = place();
  addresses[0].status = undefined;
  const answers = await Promise.all([1, 2, 3, 4].map(() => regions.ask(REQUEST)));
  assert.deepEqual([...new Set(answers.map(({ body }) => body))], ['b']);
  assert.equal(addresses[2].asked, 0);
});

test('a stream that ends moves the link, unless the region refused it', () => {
  const { addresses, regions } = place();
  const [a, b] = addresses;
  const ends: (number | undefined)[] = [];
  const listener = {
    onOpen: () => undefined,
    onAlive: () => undefined,
    onEvent: () => undefined,
    onEnd: (status: number | undefined) => void ends.push(status),
  };
  regions.follow('/x', listener);
  a.listener?.onEnd(401);
  assert.equal(regions.url, 'a');
  regions.follow('/x', listener);
  a.listener?.onEnd(undefined);
  assert.equal(regions.url, 'b');
  regions.follow('/x', listener);
  b.listener?.onEnd(503);
  assert.equal(regions.url, 'c');
  assert.deepEqual(ends, [401, undefined, 503]);
  regions.close();
  assert.deepEqual(
    addresses.map(({ isClosed }) => isClosed),
    [true, true, true],
  );
});

test('an address that hangs is left within ten seconds for the next that answers, and the requests to it end', async () => {
  const { addresses, clock, regions } = place();
  const [a, b, c] = addresses;
  await clock.pass(60_000);
  assert.equal(regions.url, 'a');
  a.pingMs = undefined;
  await clock.pass(10_000);
  assert.equal(regions.url, 'b');
  assert.deepEqual([a.abandoned, b.abandoned], [1, 0]);
  a.pingMs = 0;
  await clock.pass(60_000);
  assert.equal(regions.url, 'b', 'it stays there');
  b.pingMs = undefined;
  c.pingMs = undefined;
  await clock.pass(16_000);
  assert.equal(regions.url, 'a', 'the next one hangs, too');
  regions.close();
  assert.equal(clock.pending, 0);
});

test('a slow address is not left, nor one that hangs while no other answers', async () => {
  const { addresses, clock, regions } = place();
  const [a, b, c] = addresses;
  a.pingMs = 5500;
  await clock.pass(600_000);
  for (const address of addresses) address.pingMs = undefined;
  await clock.pass(600_000);
  assert.equal(regions.url, 'a');
  assert.deepEqual([a.abandoned, b.abandoned, c.abandoned], [0, 0, 0]);
  regions.close();
});

test('a wrong address and a lost process are known while another address answers', async () => {
  const { addresses, changes, clock, foreign, regions } = place();
  const [, b, c] = addresses;
  await regions.ask(REQUEST);
  b.foreign = 404;
  c.pingMs = undefined;
  const startMs = clock.wallTimeMs();
  await clock.pass(60_000);
  const [first, second, third] = regions.addresses;
  assert.deepEqual([first?.isInUse, first?.failure], [true, undefined]);
  assert.ok((first?.answeredMs ?? 0) > startMs + 50_000);
  assert.deepEqual([second?.isInUse, second?.answeredMs], [false, undefined]);
  assert.match(second?.failure?.text ?? '', /^b answers 404, but is not a Rackboot region: /);
  assert.equal(third?.failure?.text, 'c does not answer: silent for 6 s');
  const sinceMs = third?.failure?.sinceMs ?? 0;
  assert.ok(sinceMs > startMs && sinceMs <= startMs + 40_000);
  assert.deepEqual([changes(), foreign.length, regions.url], [2, 1, 'a']);
  await clock.pass(60_000);
  assert.equal(regions.addresses[2]?.failure?.sinceMs, sinceMs, 'since it began');
  b.foreign = undefined;
  c.pingMs = 0;
  await clock.pass(60_000);
  assert.deepEqual(
    regions.addresses.map(({ failure }) => failure),
    [undefined, undefined, undefined],
  );
  assert.equal(changes(), 4);
  regions.close();
  await clock.pass(1000);
  assert.equal(clock.pending, 0);
});
