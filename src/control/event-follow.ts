// Follows the region's event log through the daemon of this host, across interruptions of either.
//
// Source: HTML Living Standard §9.2 (server-sent events).

import { join } from 'node:path';
import { sleep } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';
import { CONTROL_SOCKET } from '../http/config.ts';
import { EventStreamReader, type StreamEvent } from '../uplink/event-stream-reader.ts';

// An `import` of this module reads each of its exports, and so loads an unused HTTP client: see `http/server.ts`.
const { request } = process.getBuiltinModule('node:http');

const RETRY_MS = 1000;
/** The region sends something every 15 s. */
const SILENCE_MS_MAX = 60_000;
const REFUSAL_BYTES_MAX = 4096;

interface Following {
  readonly stateDir: string;
  /** The path of the stream that starts after the given place; undefined: from now on. */
  readonly path: (after: string | undefined) => string;
  readonly after: string | undefined;
  readonly onEvent: (event: StreamEvent) => void;
  /** Called when the stream was interrupted; it is retried. */
  readonly onInterruption: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Follows until `signal` is aborted. @throws RackError `bad-argument` if the region refuses the request */
export async function followEvents(following: Following): Promise<void> {
  let { after } = following;
  while (!following.signal.aborted) {
    const reason = await followOnce(following, following.path(after), (event) => {
      following.onEvent(event);
      after = event.id ?? after;
    });
    if (following.signal.aborted) return;
    following.onInterruption(reason);
    await sleep(RETRY_MS);
  }
}

/** @returns why it ended */
function followOnce(
  { stateDir, signal }: Following,
  path: string,
  onEvent: (event: StreamEvent) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socketPath = join(stateDir, CONTROL_SOCKET);
    const headers = { Host: 'localhost', Accept: 'text/event-stream' };
    const asking = request({ socketPath, path, headers, timeout: SILENCE_MS_MAX, signal }, (answer) => {
      answer.setEncoding('utf8');
      const reader = new EventStreamReader();
      let refusal = '';
      answer.on('data', (text: string) => {
        if (answer.statusCode !== 200) refusal = (refusal + text).slice(0, REFUSAL_BYTES_MAX);
        else for (const event of reader.read(text) ?? []) onEvent(event);
      });
      answer.on('error', (error) => resolve(errorText(error)));
      answer.on('end', () => {
        const status = answer.statusCode ?? 0;
        if (status >= 400 && status < 500 && status !== 429) reject(new RackError('bad-argument', refusal.trim()));
        else resolve(status === 200 ? 'the stream ended' : refusal.trim());
      });
    });
    asking.on('timeout', () => asking.destroy(new Error(`the region sent nothing for ${SILENCE_MS_MAX / 1000} s`)));
    asking.on('error', (error) => resolve(errorText(error)));
    asking.end();
  });
}
