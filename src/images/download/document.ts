// Fetches a small document into memory: an index, a list of checksums, a signature.
//
// 1. Timeouts, rates, redirects and faults are the same as for files. `bytesMax` and
//    `documentMsMax` bound a document, because it is kept in memory.

import { type BodyDeps, readBody } from './body.ts';
import { DownloadError } from './fault.ts';
import { planBody } from './range-answer.ts';
import { sleepUntil } from './sleep-until.ts';
import { type SourceHealth, SourcePlan } from './source-plan.ts';
import { parseWebUrl, type WebClient } from './web-client.ts';

/** A person may wait, so the fetch gives up sooner than a download. */
const ROUNDS_MAX = 3;

export interface DocumentRequest {
  readonly url: string;
  readonly bytesMax: number;
}

interface DocumentDeps extends BodyDeps {
  readonly web: WebClient;
  readonly health: SourceHealth;
}

/**
 * @returns undefined if the signal came first
 * @throws RackError `bad-argument` for an invalid URL; the DownloadError of the last attempt
 */
export async function fetchDocument(
  { url: text, bytesMax }: DocumentRequest,
  deps: DocumentDeps,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { clock, health, settings } = deps;
  const url = parseWebUrl(text);
  const roundsMax = Math.min(settings.roundsMax, ROUNDS_MAX);
  const plan = new SourcePlan([url], health, clock, { ...settings, roundsMax });
  let lastError: DownloadError | undefined;
  while (!signal.aborted) {
    const step = plan.next();
    if (step.kind === 'give-up') throw lastError ?? new Error('a plan gave up before any attempt');
    if (step.kind === 'wait') {
      await sleepUntil(step.until, clock, signal);
      continue;
    }
    try {
      const bytes = await attemptFetch(url, bytesMax, deps, signal);
      if (bytes !== undefined) plan.recordSuccess(url);
      return bytes;
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      plan.recordFailure(url, error.fault, 0);
      lastError = error;
    }
  }
  return undefined;
}

async function attemptFetch(
  source: URL,
  bytesMax: number,
  deps: DocumentDeps,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const answer = await deps.web.open(source, () => ({}), signal);
  if (answer === undefined) return undefined;
  const { status, headers, url } = answer;
  try {
    const bodyRequest = { from: 0, kept: undefined, mayMix: false, bytes: undefined, bytesMax, isDocument: true };
    const plan = planBody({ url, status, headers, wallTimeMs: deps.clock.wallTimeMs() }, bodyRequest);
    const total = plan.kind === 'body' ? plan.file.total : undefined;
    // A single growing buffer, because a server may send a document byte by byte.
    const memory = new ArrayBuffer(0, { maxByteLength: bytesMax });
    const append = (bytes: Uint8Array): void => {
      const offset = memory.byteLength;
      memory.resize(offset + bytes.length);
      new Uint8Array(memory, offset).set(bytes);
    };
    const options = { offset: 0, total, bytesMax, timeoutMs: deps.settings.documentMsMax, consume: append };
    const isComplete = await readBody(answer, deps, options, signal);
    return isComplete ? new Uint8Array(memory.transferToFixedLength()) : undefined;
  } finally {
    answer.close();
  }
}
