// Loads a URL with Node's own client, which shares no code with the boot listener.

import { readFileSync } from 'node:fs';
import { openHttp, readWholeAnswer } from '../net/http-client.ts';
import { answerWithin } from './finding.ts';
import { probeSource } from './probe-source.ts';

/** How long the response may take to start, and the whole of it, in milliseconds. */
const ANSWER_MS_MAX = 10_000;
const LOAD_MS_MAX = 60_000;
const LOAD_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The whole content; by https, of a server with a certificate of `ca`, a file, and the name in the
 * URL. Rejects if the status is not 200, if there are more than LOAD_BYTES_MAX, if the response
 * does not start within ANSWER_MS_MAX, or after LOAD_MS_MAX.
 */
export async function probeHttp(url: string, ca?: string): Promise<Buffer> {
  const end = new AbortController();
  try {
    return await answerWithin(LOAD_MS_MAX, url, load(url, ca, end.signal));
  } finally {
    end.abort();
  }
}

async function load(text: string, ca: string | undefined, signal: AbortSignal): Promise<Buffer> {
  const url = new URL(text);
  const trust = ca === undefined ? {} : { ca: readFileSync(ca), allowPartialTrustChain: true };
  const asking = openHttp({ url, localAddress: probeSource(url.hostname), signals: [signal], ...trust });
  const answer = await answerWithin(ANSWER_MS_MAX, text, asking);
  if (answer.statusCode === 200) return readWholeAnswer(answer, LOAD_BYTES_MAX);
  answer.destroy();
  throw new Error(`${text} was answered with ${answer.statusCode} ${answer.statusMessage}`);
}
