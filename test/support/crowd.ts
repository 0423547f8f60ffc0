// Hundreds of clients on loopback, each with an address of its own: some hold connections, others want to be served.

import { createConnection, type Socket } from 'node:net';
import { sleep, systemClock } from '../../src/ground/clock.ts';

/** Loopback addresses: `count` of them, `perNetwork` in each /24, none in that of 127.0.0.1. */
export function addresses(count: number, perNetwork: number): readonly string[] {
  return Array.from(
    { length: count },
    (_, index) => `127.${1 + Math.floor(index / perNetwork)}.0.${2 + (index % perNetwork)}`,
  );
}

/** Connections that one host holds, and the bytes that it sends on them from time to time. */
export class Crowd {
  readonly #sockets: Socket[] = [];
  #ended = false;

  /** Opens `count` connections from these addresses in turn; each sends `first`, and `again` every `everyMs`. */
  static async open(
    port: number,
    from: readonly string[],
    count: number,
    says: {
      readonly first?: string;
      readonly again?: string;
      readonly everyMs?: number;
      readonly reads?: boolean;
      /** Where to; default: 127.0.0.1. */
      readonly host?: string;
    } = {},
  ): Promise<Crowd> {
    const crowd = new Crowd();
    const opening = Array.from({ length: count }, (_, index) =>
      crowd.#connect(port, from[index % from.length] ?? '', says),
    );
    await Promise.all(opening);
    if (says.again !== undefined) void crowd.#repeat(says.again, says.everyMs ?? 1000);
    return crowd;
  }

  /** Connections that are still open. */
  get open(): number {
    return this.#sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
  }

  close(): void {
    this.#ended = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(
    port: number,
    localAddress: string,
    {
      first = '',
      reads = true,
      host = '127.0.0.1',
    }: { readonly first?: string; readonly reads?: boolean; readonly host?: string },
  ): Promise<void> {
    return new Promise((resolve) => {
      const socket = createConnection({ port, host, localAddress });
      this.#sockets.push(socket);
      socket.on('error', () => resolve());
      socket.on('connect', () => {
        if (first !== '') socket.write(first);
        if (reads) socket.resume();
        resolve();
      });
    });
  }

  async #repeat(text: string, everyMs: number): Promise<void> {
    while (!this.#ended) {
      await sleep(everyMs);
      for (const socket of this.#sockets) if (socket.writable && !this.#ended) socket.write(text);
    }
  }
}

/** The reply to one request, and its milliseconds; empty if the connection was cut before any. */
export interface Reply {
  readonly text: string;
  readonly ms: number;
}

/** Sends bytes from one address, `pieces` with `pauseMs` between them, and reads until the end. */
export function ask(port: number, from: string, pieces: readonly string[], pauseMs = 0): Promise<Reply> {
  const startedAt = systemClock.now();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = createConnection({ port, host: '127.0.0.1', localAddress: from });
    const send = async (): Promise<void> => {
      for (const [index, piece] of pieces.entries()) {
        if (index > 0) await sleep(pauseMs);
        if (socket.writable) socket.write(piece);
      }
    };
    socket.on('connect', () => void send());
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () =>
      resolve({ text: Buffer.concat(chunks).toString('latin1'), ms: systemClock.now() - startedAt }),
    );
  });
}

const QUIET_TURNS = 50;

/**
 * Waits until a count has stopped changing: the kernel knows connections before their server does. Server and clients share this process, so
 * turns of its event loop are counted, however slow the host is.
 */
export async function settled(count: () => number): Promise<void> {
  for (let [before, turns] = [count(), 0]; turns < QUIET_TURNS; turns += 1) {
    await sleep(2);
    if (count() === before) continue;
    before = count();
    turns = 0;
  }
}
