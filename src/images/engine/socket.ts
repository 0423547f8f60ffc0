// The socket on which the owner of the tree does works for the commands of this host. Its directory is private: whoever
// may open it may have anything done.
//
//   POST /  ─ 4 bytes: the length of the order ─ the order: name and terms ─ the bytes of a file, if the work needs one
//   answer  ─ a line of JSON for each report ─ a last one with the result, or the refusal
//
// 1. A work ends with its client, as without the socket, or when its file is cut short: what has arrived stays.
// 2. Bytes go from the connection to the disk; none are kept in memory.

import { chmod, mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { deserialize } from 'node:v8';
import { RackError } from '../../errors.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import { type AnswerLine, LENGTH_BYTES, type Order, refusalOf } from './door.ts';
import { doWork } from './works.ts';

export class EngineSocket {
  readonly #server: Server;
  readonly #onRest: () => void;
  #works = 0;

  private constructor(onRest: () => void) {
    this.#onRest = onRest;
    this.#server = process.getBuiltinModule('node:http').createServer((request, response) => {
      void this.#answer(request, response);
    });
    // A large file, or a work without reports, may take long.
    Object.assign(this.#server, { requestTimeout: 0, timeout: 0 });
  }

  /**
   * Replaces a socket that a killed process left. @param onRest called when the last work has ended
   * @param onRest called when the last work has ended
   */
  static async open(path: string, onRest: () => void): Promise<EngineSocket> {
    const socket = new EngineSocket(onRest);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      socket.#server.once('error', reject);
      socket.#server.listen(path, resolve);
    });
    await chmod(path, 0o600);
    return socket;
  }

  close(): void {
    this.#server.close();
  }

  get isBusy(): boolean {
    return this.#works > 0;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#works += 1;
    const stop = new AbortController();
    response.once('close', () => stop.abort());
    const say = (line: AnswerLine): void => void response.write(`${JSON.stringify(line)}\n`);
    try {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
      response.flushHeaders();
      const body = new Body(request);
      const order = await body.readOrder();
      const pieces = (): AsyncIterable<Uint8Array> => body.rest();
      const content = order.hasContent ? { bytes: order.bytes, pieces } : undefined;
      const done = await doWork(order.name, order.tree, order.terms, { signal: stop.signal, report: say, content });
      // JSON leaves out what a work without a result returns.
      say({ done: done ?? null });
    } catch (error) {
      say(refusalOf(error));
    } finally {
      response.end();
      // A client that still sends would never read the answer.
      request.resume();
      this.#works -= 1;
      if (this.#works === 0) this.#onRest();
    }
  }
}

/** The body of a request: first the order, then the rest. */
class Body {
  readonly #chunks: AsyncIterator<unknown>;
  #kept: Uint8Array = new Uint8Array();

  constructor(request: IncomingMessage) {
    this.#chunks = request[Symbol.asyncIterator]();
  }

  async readOrder(): Promise<Order> {
    const length = (await this.#take(LENGTH_BYTES)).readUInt32BE();
    const order: Order = deserialize(await this.#take(length));
    return order;
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#kept.length > 0) yield this.#kept;
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) yield chunk;
  }

  async #take(bytes: number): Promise<Buffer> {
    const parts = [this.#kept];
    for (let length = this.#kept.length; length < bytes; ) {
      const chunk = await this.#next();
      if (chunk === undefined) throw new RackError('bad-argument', 'the order is cut short');
      parts.push(chunk);
      length += chunk.length;
    }
    const all = Buffer.concat(parts);
    this.#kept = viewBytes(all, bytes);
    return Buffer.from(viewBytes(all, 0, bytes));
  }

  async #next(): Promise<Buffer | undefined> {
    const { value, done } = await this.#chunks.next();
    return done === true || !Buffer.isBuffer(value) ? undefined : value;
  }
}
