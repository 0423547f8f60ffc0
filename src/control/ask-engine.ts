// Has the store of images and the boot tree changed by the process that owns them, over its socket (images/engine/socket.ts).

import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { z } from 'zod';
import { RackError } from '../errors.ts';
import { type AnswerLine, encodeOrder, errorIn } from '../images/engine/door.ts';
import type { GivenContent, WorkIo, WorkName, WorkResult, WorkTerms } from '../images/engine/works.ts';
import { askDaemon } from './ask-daemon.ts';

// An `import` of this module reads each of its exports, and so loads an unused HTTP client: see `http/server.ts`.
const { request } = process.getBuiltinModule('node:http');

const doorShape = z.object({ socket: z.string(), tree: z.string() });

/**
 * Has the daemon of this host open the socket.
 * @returns its path, and the boot tree that the daemon owns; undefined: no daemon runs @throws RackError as `askDaemon`
 */
export async function openEngine(stateDir: string): Promise<z.output<typeof doorShape> | undefined> {
  try {
    return doorShape.parse(await askDaemon(stateDir, '/images', 'POST', ''));
  } catch (error) {
    if (error instanceof RackError && error.code === 'not-running') return undefined;
    throw error;
  }
}

/**
 * Has a work done.
 * @throws RackError as the work; `cancelled` if the signal stopped it, `not-running` if its process ended; the error of the content
 */
export function askEngine<N extends WorkName>(
  socketPath: string,
  name: N,
  tree: string,
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
      else report(line);
    })
      .then(() => lost(), lost)
      .finally(() => asking.destroy());
  });
  asking.write(encodeOrder({ name, tree, terms, hasContent: content !== undefined, bytes: content?.bytes }));
  send(asking, content).catch((error: unknown) => {
    reject(error);
    asking.destroy();
  });
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

/** Sends the content until the answer has come. */
async function send(asking: ClientRequest, content: GivenContent | undefined): Promise<void> {
  for await (const piece of content?.pieces() ?? []) {
    if (asking.destroyed) return;
    // A piece is valid only until the next one.
    if (!asking.write(Buffer.from(piece))) await Promise.race([once(asking, 'drain'), once(asking, 'close')]);
  }
  asking.end();
}
