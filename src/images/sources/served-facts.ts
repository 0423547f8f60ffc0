// Asks servers by HEAD for sizes and times of change, which lists of checksums lack.
//
// Source: RFC 9110 §9.3.2 (HEAD), §8.6 (Content-Length), §8.8.2 (Last-Modified).
//
// 1. The facts are for people and verify nothing. If a server does not answer, the facts of its
//    files stay unknown.
// 2. At most FILES_MAX files are asked for, CONCURRENT_MAX at a time, all within TIME_MS.

import type { Clock } from '../../ground/clock.ts';
import { DownloadError } from '../download/fault.ts';
import { parseWebUrl, type WebClient } from '../download/web-client.ts';

/** The number of files that are asked for. The facts of others stay unknown. */
const FILES_MAX = 256;
const CONCURRENT_MAX = 12;
/** The time limit of all requests together. */
const TIME_MS = 15_000;

export interface ServedFacts {
  readonly bytes: number | undefined;
  /** Wall time in milliseconds. */
  readonly modifiedMs: number | undefined;
}

/** Reads the facts of files. @returns the known facts by URL */
export async function readServedFacts(
  urls: readonly string[],
  web: WebClient,
  clock: Clock,
): Promise<ReadonlyMap<string, ServedFacts>> {
  const facts = new Map<string, ServedFacts>();
  const remainingUrls = [...new Set(urls)].slice(0, FILES_MAX).values();
  const end = new AbortController();
  const timer = clock.schedule(TIME_MS, () => end.abort());
  const askRemaining = async (): Promise<void> => {
    for (const url of remainingUrls) {
      const served = await askFacts(url, web, end.signal);
      if (served !== undefined) facts.set(url, served);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_MAX }, askRemaining));
  timer.cancel();
  return facts;
}

async function askFacts(url: string, web: WebClient, signal: AbortSignal): Promise<ServedFacts | undefined> {
  try {
    const answer = await web.open(parseWebUrl(url), () => ({}), signal, 'HEAD');
    answer?.close();
    if (answer?.status !== 200) return undefined;
    const { 'content-length': length = '', 'last-modified': modified = '' } = answer.headers;
    const [bytes, modifiedMs] = [/^\d{1,15}$/.test(length) ? Number(length) : undefined, Date.parse(modified)];
    return { bytes, modifiedMs: Number.isNaN(modifiedMs) ? undefined : modifiedMs };
  } catch (error) {
    if (error instanceof DownloadError) return undefined;
    throw error;
  }
}
