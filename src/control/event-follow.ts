// Follows the region's event log through the daemon of this host. If either is interrupted, it
// continues afterwards.
//
// Source: HTML Living Standard §9.2 (server-sent events).

import { sleep } from '../ground/clock.ts';
import { assertOutside, errorText, RackError } from '../ground/errors.ts';
import { readBeginning, streamAnswerText } from '../net/http-client.ts';
import { EventStreamReader, type StreamEvent } from '../uplink/event-stream-reader.ts';
import { openDaemon } from './ask-daemon.ts';

const RETRY_MS = 1000;
/** The region sends something every 15 s. */
const SILENCE_MS_MAX = 60_000;
const REFUSAL_BYTES_MAX = 4096;

interface FollowOptions {
  readonly stateDir: string;
  /**
   * Returns the path of the stream that starts after the event with this id. If undefined, the
   * stream starts now.
   */
  readonly path: (after: string | undefined) => string;
  readonly after: string | undefined;
  readonly onEvent: (event: StreamEvent) => void;
  /** Called when the stream was interrupted. It is then retried. */
  readonly onInterruption: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Follows until `signal` is aborted. @throws RackError `bad-argument` if the region refuses the request */
export async function followEvents(options: FollowOptions): Promise<void> {
  let { after } = options;
  while (!options.signal.aborted) {
    const reason = await followOnce(options, options.path(after), (event) => {
      options.onEvent(event);
      after = event.id ?? after;
    });
    if (options.signal.aborted) return;
    options.onInterruption(reason);
    await sleep(RETRY_MS);
  }
}

/** Follows one stream. Follows one stream. @returns why it ended */
async function followOnce(
  { stateDir, signal }: FollowOptions,
  path: string,
  onEvent: (event: StreamEvent) => void,
): Promise<string> {
  try {
    const headers = { Accept: 'text/event-stream' };
    const answer = await openDaemon(stateDir, { path, headers, silenceMs: SILENCE_MS_MAX, signals: [signal] });
    const { statusCode: status = 0 } = answer;
    if (status !== 200) {
      const refusal = (await readBeginning(answer, REFUSAL_BYTES_MAX)).trim();
      if (status < 400 || status >= 500 || status === 429) return refusal;
      throw new RackError('bad-argument', refusal);
    }
    const reader = new EventStreamReader();
    for await (const text of streamAnswerText(answer)) for (const event of reader.read(text) ?? []) onEvent(event);
    return 'the stream ended';
  } catch (error) {
    if (signal.aborted) return '';
    if (error instanceof RackError) throw error;
    assertOutside(error);
    return errorText(error);
  }
}
