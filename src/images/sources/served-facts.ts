// Asks servers by HEAD for what checksum lists lack: sizes and times of change.
//
// Source: RFC 9110 §9.3.2 (HEAD), §8.6 (Content-Length), §8.8.2 (Last-Modified).
//
// 1. The facts are for people and verify nothing. A silent server leaves those of its files unknown.
// 2. At most FILES_MAX files are asked for, ASKED_MAX at a time, all within TIME_MS.

import type { Clock } from '../../ground/clock.ts';
import { DownloadError } from '../download/fault.ts';
import { parseWebUrl, type WebClient } from '../download/web-client.ts';

/** So many files are asked for; others stay unknown. */
const FILES_MAX = 256;
const ASKED_MAX = 12;
/** All requests together. */
const TIME_MS = 15_000;

export interface ServedFacts {
  readonly bytes: number | undefined;
  /** Wall time in milliseconds. */
  readonly modifiedMs: number | undefined;
}

/** @returns by URL, without unknown ones */
export async function readServedFacts(
  urls: readonly string[],
  web: WebClient,
  clock: Clock,
): Promise<ReadonlyMap<string, ServedFacts>> {
  const facts = new Map<string, ServedFacts>();
  const left = [...new Set(urls)].slice(0, FILES_MAX).values();
  const end = new AbortController();
  const timer = clock.schedule(TIME_MS, () => end.abort());
  const askOn = async (): Promise<void> => {
    for (const url of left) {
      const served = await askFacts(url, web, end.signal);
      if (served !== undefined) facts.set(url, served);
    }
  };
  await Promise.all(Array.from({ length: ASKED_MAX }, askOn));
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
