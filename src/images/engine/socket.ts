// The socket on which the owner of the tree does works for the commands of this host. Only its user
// and root may open it, because every work can be ordered there.
//
//   POST /  ─ 4 bytes: the length of the order ─ the order: name, tree and options ─ the bytes of a file, if the work needs one
//   answer  ─ a line of JSON for each report ─ a last one with the result, or the refusal
//
// 1. A work ends when its client disconnects, as it would in the command's own process, or when its
//    file is cut short. Bytes that have arrived stay.
// 2. The bytes of a file go from the connection to the disk; an order is kept in memory, with the
//    packages of an installer.

import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname, isAbsolute } from 'node:path';
import { deserialize } from 'node:v8';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { RackError } from '../../ground/errors.ts';
import { type AnswerLine, formatRefusal, LENGTH_BYTES, type Order, workDirectory } from './protocol.ts';
import { doWork } from './works.ts';

/**
 * Opens the socket, which stays open until the thread ends. Replaces the socket of a killed process.
 * @param onBusy called when a work begins or ends. True if any work is under way
 */
export async function openEngineSocket(path: string, onBusy: (isBusy: boolean) => void): Promise<void> {
  let works = 0;
  const changeCount = (change: number): void => {
    works += change;
    onBusy(works > 0);
  };
  const server = createServer((request, response) => {
    changeCount(1);
    void answer(request, response, dirname(path)).finally(() => changeCount(-1));
  });
  // A large file, or a work without reports, may take long.
  Object.assign(server, { requestTimeout: 0, timeout: 0 });
  await rm(path, { force: true });
  await once(server.listen(path), 'listening');
  // The umask has kept other users out until now.
  await chmod(path, 0o600);
}

async function answer(request: IncomingMessage, response: ServerResponse, stateDir: string): Promise<void> {
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  const send = (line: AnswerLine): void => void response.write(`${JSON.stringify(line)}\n`);
  const body = new Body(request);
  try {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    response.flushHeaders();
    const { name, tree, options, hasContent, bytes } = await body.readOrder();
    if (!isAbsolute(tree)) throw new RackError('bad-argument', `the boot tree ${tree} is no absolute path`);
    const content = hasContent ? { bytes, pieces: () => body.readContent() } : undefined;
    const workDir = (): string => workDirectory(stateDir);
    const result = await doWork(name, tree, options, { signal: stop.signal, report: send, content, workDir });
    // JSON leaves out what a work without a result returns.
    send({ done: result ?? null });
  } catch (error) {
    send(formatRefusal(error));
  }
  await body.drain();
  response.end();
}

/** The body of a request: first the order, then the rest. */
class Body {
  readonly #chunks: AsyncIterator<unknown>;
  #buffered: Uint8Array = new Uint8Array();

  constructor(request: IncomingMessage) {
    this.#chunks = request[Symbol.asyncIterator]();
  }

  async readOrder(): Promise<Order> {
    const length = Buffer.from(await this.#readBytes(LENGTH_BYTES)).readUInt32BE();
    const order: Order = deserialize(await this.#readBytes(length));
    return order;
  }

  async *readContent(): AsyncGenerator<Uint8Array> {
    if (this.#buffered.length > 0) yield this.#buffered;
    for (let chunk = await this.#readChunk(); chunk !== undefined; chunk = await this.#readChunk()) yield chunk;
  }

  /**
   * Reads the rest of the body: a client whose connection closes while it sends could lose the last
   * line of the answer.
   */
  async drain(): Promise<void> {
    try {
      while ((await this.#readChunk()) !== undefined);
    } catch {
      // The client has gone.
    }
  }

  async #readBytes(bytes: number): Promise<Uint8Array> {
    const parts = [this.#buffered];
    for (let length = this.#buffered.length; length < bytes; ) {
      const chunk = await this.#readChunk();
      if (chunk === undefined) throw new RackError('bad-argument', 'the order is cut short');
      parts.push(chunk);
      length += chunk.length;
    }
    const all = Buffer.concat(parts);
    this.#buffered = viewBytes(all, bytes);
    return viewBytes(all, 0, bytes);
  }

  async #readChunk(): Promise<Buffer | undefined> {
    const { value, done } = await this.#chunks.next();
    return done === true || !Buffer.isBuffer(value) ? undefined : value;
  }
}
