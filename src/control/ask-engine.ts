// Has the store of images and the boot tree changed by the process that owns them, over its socket (images/engine/socket.ts).

import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { systemClock } from '../clock.ts';
import { RackError } from '../errors.ts';
import { type AnswerLine, type EngineDoor, encodeOrder, errorIn } from '../images/engine/door.ts';
import type { WorkIo, WorkName, WorkResult, WorkTerms } from '../images/engine/works.ts';
import { askDaemon } from './ask-daemon.ts';

// An `import` of this module reads each of its exports, and so loads an unused HTTP client: see `http/server.ts`.
const { request } = process.getBuiltinModule('node:http');

/** The daemon waits as long as its thread works, and says why if it gives up. */
const OPEN_MS_MAX = 3_600_000;
const PATIENCE_MS = 10_000;

const doorShape = z.object({ socket: z.string(), tree: z.string() });

/**
 * Has the daemon of this host open the socket.
 * @param onSlow called if that takes longer than PATIENCE_MS @returns undefined: no daemon runs @throws RackError as `askDaemon`
 */
export async function openEngine(stateDir: string, onSlow: () => void): Promise<EngineDoor | undefined> {
  const slow = systemClock.schedule(PATIENCE_MS, onSlow);
  try {
    return doorShape.parse(await askDaemon(stateDir, '/images', 'POST', '', { answerMsMax: OPEN_MS_MAX }));
  } catch (error) {
    if (error instanceof RackError && error.code === 'not-running') return undefined;
    throw error;
  } finally {
    slow.cancel();
  }
}

/**
 * Has a work done on the tree of the socket.
 * @throws RackError as the work; `cancelled` if the signal stopped it, `not-running` if its process ended; the error of the content
 */
export function askEngine<N extends WorkName>(
  { socket: socketPath, tree }: EngineDoor,
  name: N,
  terms: WorkTerms<N>,
  { signal, report, content }: WorkIo,
): Promise<WorkResult<N>> {
  const { promise, resolve, reject } = Promise.withResolvers<WorkResult<N>>();
  const lost = (cause?: unknown): void => {
    if (signal.aborted) reject(new RackError('cancelled', 'interrupted; repeat the command to continue', { cause }));
    else reject(new RackError('not-running', 'Rackboot ended during the work: start it, and repeat this', { cause }));
  };
  const asking = request({ socketPath, method: 'POST', headers: { Host: 'localhost' }, agent: false, signal });
  asking.on('error', lost);
  asking.once('response', (answer) => {
    // What a work of this name returns.
    readLines(answer, (line: AnswerLine<WorkResult<N>>) => {
      if ('done' in line) resolve(line.done);
      else if ('refused' in line) reject(errorIn(line));
      else return report(line);
      // It sends no more of its file.
      asking.destroy();
    }).then(() => lost(), lost);
  });
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* encodeOrder({ name, tree, terms, hasContent: content !== undefined, bytes: content?.bytes });
    try {
      // A piece is valid only until the next one.
      for await (const piece of content?.pieces() ?? []) yield Buffer.from(piece);
    } catch (error) {
      reject(error);
      throw error;
    }
  }
  pipeline(body(), asking).catch(lost);
  return promise;
}

async function readLines<T>(answer: IncomingMessage, onLine: (line: AnswerLine<T>) => void): Promise<void> {
  let rest = '';
  answer.setEncoding('utf8');
  for await (const text of answer) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(JSON.parse(line));
  }
}
