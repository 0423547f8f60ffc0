// Loads a URL with Node's own client, which shares no code with the boot listener.

import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { answerWithin } from './finding.ts';
import { probeSource } from './probe-source.ts';

/** How long the response may take to start, and the whole of it, in milliseconds. */
const ANSWER_MS_MAX = 10_000;
const LOAD_MS_MAX = 60_000;
const LOAD_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The whole content; by https, of a server with a certificate of `ca`, a file, and the name in the URL. Rejects if the status is not 200, if there are more than LOAD_BYTES_MAX, if the response does not start within
 * ANSWER_MS_MAX, or after LOAD_MS_MAX.
 */
export async function probeHttp(url: string, ca?: string): Promise<Buffer> {
  const end = new AbortController();
  try {
    return await answerWithin(LOAD_MS_MAX, url, load(url, ca, end.signal));
  } finally {
    end.abort();
  }
}

async function load(url: string, ca: string | undefined, signal: AbortSignal): Promise<Buffer> {
  const answer = await answerWithin(ANSWER_MS_MAX, url, request(url, ca, signal));
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw new Error(`${url} was answered with ${answer.statusCode} ${answer.statusMessage}`);
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer) {
    if (!(part instanceof Uint8Array)) continue;
    bytes += part.length;
    if (bytes > LOAD_BYTES_MAX) throw new Error(`${url} is larger than ${LOAD_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The head of the response. */
const request = (url: string, ca: string | undefined, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const localAddress = probeSource(new URL(url).hostname);
    const options = { agent: false, localAddress, signal } as const;
    const asked =
      ca === undefined
        ? process.getBuiltinModule('node:http').get(url, options, resolve)
        : process
            .getBuiltinModule('node:https')
            .get(url, { ...options, ca: readFileSync(ca), allowPartialTrustChain: true }, resolve);
    asked.on('error', reject);
  });
