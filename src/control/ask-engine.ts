// Requests changes of the store of images and of the boot tree from the process that owns them,
// over its socket (images/engine/socket.ts).

import { z } from 'zod';
import { systemClock } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';
import { type AnswerLine, buildRefusedError, type EngineEndpoint, encodeOrder } from '../images/engine/protocol.ts';
import type { WorkInput, WorkIo, WorkName, WorkResult } from '../images/engine/works.ts';
import { openHttp, readLines } from '../net/http-client.ts';
import { askDaemon } from './ask-daemon.ts';

const ENGINE_URL = new URL('http://localhost');
/** Very long, because the daemon waits as long as its thread works, and reports an error if it gives up. */
const OPEN_MS_MAX = 3_600_000;
const SLOW_AFTER_MS = 10_000;

const endpointShape = z.object({ socket: z.string(), tree: z.string() });

/**
 * Requests the daemon of this host to open the socket.
 * @param onSlow called if that takes longer than SLOW_AFTER_MS @returns undefined if no daemon runs
 * @throws RackError as `askDaemon`
 */
export async function openEngine(stateDir: string, onSlow: () => void): Promise<EngineEndpoint | undefined> {
  const slowTimer = systemClock.schedule(SLOW_AFTER_MS, onSlow);
  try {
    return endpointShape.parse(await askDaemon(stateDir, '/images', 'POST', '', { answerMsMax: OPEN_MS_MAX }));
  } catch (error) {
    if (error instanceof RackError && error.code === 'not-running') return undefined;
    throw error;
  } finally {
    slowTimer.cancel();
  }
}

/**
 * Requests a work on the tree of the socket.
 * @throws RackError as the work; `cancelled` if the signal stopped it, `not-running` if its process
 * ended; the error of the content
 */
export async function askEngine<N extends WorkName>(
  { socket: socketPath, tree }: EngineEndpoint,
  name: N,
  options: WorkInput<N>,
  { signal, report, content }: WorkIo,
): Promise<WorkResult<N>> {
  /** The error of the work, or of its content. */
  let refusal: { readonly error: unknown } | undefined;
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* encodeOrder({ name, tree, options: options, hasContent: content !== undefined, bytes: content?.bytes });
    try {
      // A piece is valid only until the next one.
      for await (const piece of content?.pieces() ?? []) yield Buffer.from(piece);
    } catch (error) {
      refusal ??= { error };
      throw error;
    }
  }
  let cause: unknown;
  try {
    const answer = await openHttp({ url: ENGINE_URL, socketPath, method: 'POST', signals: [signal], body: body() });
    for await (const text of readLines(answer, Number.POSITIVE_INFINITY)) {
      // The type of the result depends on the name of the work.
      const line: AnswerLine<WorkResult<N>> = JSON.parse(text);
      if ('done' in line) return line.done;
      if ('refused' in line) {
        // Stop reading. The rest of the file is not sent.
        refusal ??= { error: buildRefusedError(line) };
        break;
      }
      report(line);
    }
  } catch (error) {
    cause = error;
  }
  if (refusal !== undefined) throw refusal.error;
  if (signal.aborted) throw new RackError('cancelled', 'interrupted; repeat the command to continue', { cause });
  throw new RackError('not-running', 'Rackboot ended during the work: start it, and repeat this', { cause });
}
