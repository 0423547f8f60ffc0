// A steady load of DNS queries, each sent once, that must all be answered: the view of a client without retries.

import { createSocket, type Socket } from 'node:dgram';
import { systemClock, type Timer } from '../../src/clock.ts';

const PAUSE_MS = 4;
/** How long the answers to the last queries may take. */
const LAST_MS = 1000;
/** RFC 1035 §4.1.1: recursion desired, one question; then `localhost`, type A, class IN. */
const QUESTION = Buffer.from(`00000100000100000000000009${Buffer.from('localhost').toString('hex')}0000010001`, 'hex');

/** Queries `address:port` every PAUSE_MS from `open` to `close`. */
export class SteadyQuestions {
  readonly #address: string;
  readonly #port: number;
  readonly #socket: Socket = createSocket('udp4');
  readonly #answered = new Set<number>();
  #asked = 0;
  #timer: Timer | undefined;

  constructor(address: string, port: number) {
    this.#address = address;
    this.#port = port;
  }

  async open(): Promise<void> {
    this.#socket.on('message', (bytes) => void this.#answered.add(bytes.readUInt16BE(0)));
    this.#socket.on('error', () => undefined);
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    this.#ask();
  }

  /** The number of queries so far. */
  count(): number {
    return this.#asked;
  }

  /** Ends, and waits for the last answers. */
  async close(): Promise<{ readonly asked: number; readonly answered: number }> {
    this.#timer?.cancel();
    for (let waited = 0; waited < LAST_MS && this.#answered.size < this.#asked; waited += PAUSE_MS)
      await new Promise<void>((resolve) => systemClock.schedule(PAUSE_MS, resolve));
    this.#socket.close();
    return { asked: this.#asked, answered: this.#answered.size };
  }

  #ask(): void {
    const bytes = Buffer.from(QUESTION);
    this.#asked += 1;
    bytes.writeUInt16BE(this.#asked & 0xffff, 0);
    this.#socket.send(bytes, this.#port, this.#address);
    this.#timer = systemClock.schedule(PAUSE_MS, () => this.#ask());
  }
}
