// Loads a URL with Node's own client, which shares no code with the boot listener.

import { readFileSync } from 'node:fs';
import { openHttp, readWholeAnswer } from '../net/http-client.ts';
import { answerWithin } from './finding.ts';
import { probeSource } from './probe-source.ts';

/** How long the response may take to start, and to arrive completely, in milliseconds. */
const ANSWER_MS_MAX = 10_000;
const LOAD_MS_MAX = 60_000;
const LOAD_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Loads the whole content of a URL. For https, the server needs a certificate for the name in the
 * URL, issued by the CA whose certificate is in the file `ca`. Rejects if the status is not 200, if
 * there are more than LOAD_BYTES_MAX bytes, if the response does not start within ANSWER_MS_MAX, or
 * after LOAD_MS_MAX.
 */
export async function probeHttp(url: string, ca?: string): Promise<Buffer> {
  const controller = new AbortController();
  try {
    return await answerWithin(LOAD_MS_MAX, url, load(url, ca, controller.signal));
  } finally {
    controller.abort();
  }
}

async function load(text: string, ca: string | undefined, signal: AbortSignal): Promise<Buffer> {
  const url = new URL(text);
  const tlsOptions = ca === undefined ? {} : { ca: readFileSync(ca), allowPartialTrustChain: true };
  const opening = openHttp({ url, localAddress: probeSource(url.hostname), signals: [signal], ...tlsOptions });
  const answer = await answerWithin(ANSWER_MS_MAX, text, opening);
  if (answer.statusCode === 200) return readWholeAnswer(answer, LOAD_BYTES_MAX);
  answer.destroy();
  throw new Error(`${text} was answered with ${answer.statusCode} ${answer.statusMessage}`);
}
