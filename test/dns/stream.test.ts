import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  Connection,
  FrameReader,
  frame,
  IDLE_MS,
  PIPELINE_MAX,
  STREAM_TURNS,
  TURN_WORK_MAX,
  UNREAD_OCTETS_MAX,
} from '../../src/dns/stream.ts';
import { Turns } from '../../src/ground/turns.ts';
import { ip } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function drain(reader: FrameReader): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
  return messages;
}

describe('messages in a stream', () => {
  it('RFC 7766 §8: messages come out unchanged, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 50 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(frame));
          const reader = new FrameReader(4096);
          const out: Uint8Array[] = [];
          for (let at = 0, index = 0; at < stream.length; index += 1) {
            const size = cuts[index % cuts.length] ?? 1;
            reader.feed(stream.subarray(at, at + size));
            out.push(...drain(reader));
            at += size;
          }
          assert.deepEqual(
            out.map((message) => Buffer.from(message)),
            messages.map((message) => Buffer.from(message)),
          );
        },
      ),
    );
  });

  it('a length above the bound is detected from its two octets', () => {
    const reader = new FrameReader(4096);
    reader.feed(Uint8Array.of(0x10, 0x01));
    assert.equal(reader.next(), undefined);
    assert.ok(reader.overlong);
    const fine = new FrameReader(4096);
    fine.feed(Uint8Array.of(0x10, 0x00));
    assert.equal(fine.next(), undefined);
    assert.ok(!fine.overlong);
  });

  it('messages share no memory with the received data', () => {
    const reader = new FrameReader(4096);
    const chunk = Buffer.from(frame(Uint8Array.of(1, 2, 3)));
    reader.feed(chunk);
    const message = reader.next();
    chunk.fill(0xdb);
    assert.deepEqual(message, Uint8Array.of(1, 2, 3));
  });

  it('half a length is not a message yet', () => {
    const reader = new FrameReader(10);
    reader.feed(Uint8Array.of(0xff));
    assert.ok(!reader.overlong);
    assert.equal(reader.next(), undefined);
  });
});

/** A hand-made client side of a connection: data written to it stays unread until `take`. */
class Peer extends Socket {
  #taken: (() => void) | undefined;

  override _read(): void {}
  override _write(_chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    this.#taken = done;
  }
  override _writev(_chunks: unknown, done: () => void): void {
    this.#taken = done;
  }
  takeAll(): void {
    for (let done = this.#taken; done !== undefined; done = this.#taken) {
      this.#taken = undefined;
      done();
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** More turns than PIPELINE_MAX questions need. */
async function turns(): Promise<void> {
  for (let count = 0; count < 2 * PIPELINE_MAX; count += 1) await turn();
}

/** Turns without other work. */
const anyTime = (clock: VirtualClock): Turns => new Turns(clock, STREAM_TURNS, () => 0);

/** A connection on which each question is answered with `octets` octets. */
function connected(answerOctets: number) {
  const clock = new VirtualClock();
  const peer = new Peer();
  let asked = 0;
  const connection = new Connection(peer, ip('10.20.0.5'), clock, anyTime(clock), {
    onMessage: (_message, from) => {
      asked += 1;
      from.answer(new Uint8Array(answerOctets));
    },
    onActive: () => undefined,
    onClosed: () => undefined,
  });
  const ask = async (): Promise<void> => {
    peer.push(frame(new Uint8Array(20)));
    await turn();
  };
  return { clock, peer, connection, ask, asked: () => asked };
}

describe('a connection whose client does not read', () => {
  it('is closed after IDLE_MS although the client keeps asking', async () => {
    const { clock, peer, ask, asked } = connected(40_000);
    for (let second = 0; second < 2 * (IDLE_MS / 1000) && !peer.destroyed; second += 1) {
      await ask();
      clock.advance(1000);
    }
    assert.ok(peer.destroyed);
    assert.ok(asked() <= 3, `${asked()} questions were taken`);
  });

  it('continues once the client has read', async () => {
    const { clock, peer, connection, ask, asked } = connected(40_000);
    for (let count = 0; count < 5; count += 1) await ask();
    const before = asked();
    assert.ok(before < 5);
    clock.advance(IDLE_MS - 1);
    for (let round = 0; round < 5; round += 1) {
      peer.takeAll();
      await turn();
    }
    assert.equal(asked(), 5);
    assert.ok(connection.isIdle);
    clock.advance(IDLE_MS - 1);
    assert.ok(!peer.destroyed);
  });

  it(`is cut off at ${UNREAD_OCTETS_MAX} octets when pending answers come all at once`, async () => {
    const clock = new VirtualClock();
    const peer = new Peer();
    const connection = new Connection(peer, ip('10.20.0.5'), clock, anyTime(clock), {
      onMessage: () => undefined,
      onActive: () => undefined,
      onClosed: () => undefined,
    });
    for (let count = 0; count < PIPELINE_MAX + 10; count += 1) peer.push(frame(new Uint8Array(20)));
    await turns();
    for (let count = 0; count < PIPELINE_MAX && !peer.destroyed; count += 1) connection.answer(new Uint8Array(60_000));
    assert.ok(peer.destroyed);
    assert.ok(peer.writableLength <= UNREAD_OCTETS_MAX + 60_002);
  });
});

it('a connection takes PIPELINE_MAX questions, and the next one once one was answered', async () => {
  const clock = new VirtualClock();
  const peer = new Peer();
  let taken = 0;
  const connection = new Connection(peer, ip('10.20.0.5'), clock, anyTime(clock), {
    onMessage: () => {
      taken += 1;
    },
    onActive: () => undefined,
    onClosed: () => undefined,
  });
  for (let count = 0; count < PIPELINE_MAX + 10; count += 1) peer.push(frame(new Uint8Array(20)));
  await turns();
  assert.equal(taken, PIPELINE_MAX);
  connection.answer(new Uint8Array(20));
  await turns();
  assert.equal(taken, PIPELINE_MAX + 1);
});

it('a connection ends at the first message without an answer, and nothing after it is read', async () => {
  const clock = new VirtualClock();
  const peer = new Peer();
  let taken = 0;
  new Connection(peer, ip('10.20.0.5'), clock, anyTime(clock), {
    onMessage: (_message, from) => {
      taken += 1;
      from.answer(undefined);
    },
    onActive: () => undefined,
    onClosed: () => undefined,
  });
  peer.push(Buffer.alloc(60_000));
  await turn();
  assert.equal(taken, 1);
  assert.ok(peer.destroyed);
});

describe('thousands of questions in one read', () => {
  const COUNT = 3000;

  /** A connection whose client reads at once; questions are answered with `octets`. */
  function reading(octets: number) {
    const clock = new VirtualClock();
    const peer = new Peer({ allowHalfOpen: true });
    const answered: number[] = [];
    peer._write = (_chunk, _encoding, done) => done();
    peer._writev = (_chunks, done) => done();
    new Connection(peer, ip('10.20.0.5'), clock, anyTime(clock), {
      onMessage: (message, from) => {
        answered.push((message[0] ?? 0) * 256 + (message[1] ?? 0));
        from.answer(new Uint8Array(octets));
      },
      onActive: () => undefined,
      onClosed: () => undefined,
    });
    const ask = (count: number): boolean =>
      peer.push(
        Buffer.concat(
          Array.from({ length: count }, (_, id) => frame(Uint8Array.of(id >> 8, id, ...Array(18).fill(0)))),
        ),
      );
    return { peer, answered, ask };
  }

  it('are answered a few at a time, in order, and nothing more is read meanwhile', async () => {
    const { peer, answered, ask } = reading(50);
    ask(COUNT);
    while (answered.length < COUNT) {
      const before = answered.length;
      await turn();
      assert.ok(
        answered.length > before && answered.length - before <= 2 * TURN_WORK_MAX,
        `${answered.length - before}`,
      );
      assert.equal(peer.isPaused(), answered.length < COUNT);
    }
    assert.deepEqual(
      answered,
      Array.from({ length: COUNT }, (_, id) => id),
    );
  });

  it('are all answered if the client has half-closed the connection', async () => {
    const { peer, answered, ask } = reading(50);
    let ended = false;
    peer.on('finish', () => {
      ended = true;
    });
    ask(COUNT);
    peer.push(null);
    while (answered.length < COUNT) {
      assert.ok(!ended && !peer.destroyed, `it ended after ${answered.length}`);
      await turn();
    }
    await turn();
    assert.ok(ended);
  });

  it('count more work the larger their answers are', async () => {
    const { answered, ask } = reading(60_000);
    ask(20);
    while (answered.length < 20) {
      const before = answered.length;
      await turn();
      assert.ok(answered.length - before <= 2, `${answered.length - before} in one turn`);
    }
  });
});
