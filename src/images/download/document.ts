// Fetches a small document into memory: an index, a list of checksums, a signature.
//
// 1. Timeouts, pace, redirects and faults are the same as for files. A document is kept in memory, so `bytesMax` bounds it, and its time
//    has a bound (`documentMsMax`).
// 2. Nothing is cached. The caller keeps the validator of a document, and passes it to the next request.

import { type BodyMeans, readBody } from './body.ts';
import { AttemptFailure, type AttemptFault } from './fault.ts';
import { planBody, type Validator, validatorOf } from './range-answer.ts';
import { sleepUntil } from './sleep-until.ts';
import { type SourceHealth, SourcePlan } from './source-plan.ts';
import { parseWebUrl, shownUrl, type WebClient } from './web-client.ts';

/** A person may be waiting for a document, so the fetch gives up sooner than a download. */
const ROUNDS_MAX = 3;

/** A document to fetch. */
export interface DocumentRequest {
  /** The URLs of the same document at one or more mirrors, as for a file. */
  readonly urls: readonly string[];
  readonly bytesMax: number;
  /** The validator of the document that the caller has; undefined: none. */
  readonly known: Validator | undefined;
}

/** The result of a request. */
export type DocumentResult =
  | {
      readonly kind: 'document';
      readonly bytes: Uint8Array;
      /** The URL, as requested, from which it came; relative references start there. */
      readonly source: string;
      /** Undefined: the server sent no strong validator. */
      readonly validator: Validator | undefined;
    }
  /** The caller's document is still current. */
  | { readonly kind: 'unchanged' }
  /** The last fault. */
  | { readonly kind: 'failed'; readonly url: string; readonly reason: AttemptFault }
  | { readonly kind: 'cancelled' };

/** The means of fetching documents. */
interface DocumentMeans extends BodyMeans {
  readonly web: WebClient;
  readonly health: SourceHealth;
}

/** Fetches a document. @throws RackError `bad-argument` for an invalid URL */
export async function fetchDocument(
  request: DocumentRequest,
  means: DocumentMeans,
  signal: AbortSignal,
): Promise<DocumentResult> {
  const { clock, health, settings } = means;
  const urls = request.urls.map(parseWebUrl);
  const roundsMax = Math.min(settings.roundsMax, ROUNDS_MAX);
  const plan = new SourcePlan(urls, health, clock, { ...settings, roundsMax });
  let last: DocumentResult = { kind: 'cancelled' };
  while (!signal.aborted) {
    const step = plan.next();
    if (step.kind === 'give-up') return last;
    if (step.kind === 'wait') {
      await sleepUntil(step.until, clock, signal);
      continue;
    }
    const { url } = step;
    try {
      const result = await askOnce(url, request, means, signal);
      if (result.kind !== 'cancelled') plan.succeeded(url);
      return result;
    } catch (error) {
      if (!(error instanceof AttemptFailure)) throw error;
      plan.failed(url, error.fault, 0);
      last = { kind: 'failed', url: shownUrl(url), reason: error.fault };
    }
  }
  return { kind: 'cancelled' };
}

async function askOnce(
  source: URL,
  { known, bytesMax }: DocumentRequest,
  means: DocumentMeans,
  signal: AbortSignal,
): Promise<DocumentResult> {
  const condition =
    known?.kind === 'etag' ? { 'If-None-Match': known.value } : { 'If-Modified-Since': known?.value ?? '' };
  const answer = await means.web.open(source, () => (known === undefined ? {} : condition), signal);
  if (answer === undefined) return { kind: 'cancelled' };
  const { status, headers, url } = answer;
  try {
    if (status === 304 && known !== undefined) return { kind: 'unchanged' };
    const wanted = { from: 0, kept: undefined, mayMix: false, bytes: undefined, bytesMax, isDocument: true };
    const plan = planBody({ url, status, headers, wallTimeMs: means.clock.wallTimeMs() }, wanted);
    const total = plan.kind === 'body' ? plan.file.total : undefined;
    // In one piece: a server may send it byte by byte.
    const memory = new ArrayBuffer(0, { maxByteLength: bytesMax });
    const take = (bytes: Uint8Array): void => {
      const at = memory.byteLength;
      memory.resize(at + bytes.length);
      new Uint8Array(memory, at).set(bytes);
    };
    const terms = { at: 0, total, bytesMax, wholeMs: means.settings.documentMsMax, take };
    if (!(await readBody(answer, means, terms, signal))) return { kind: 'cancelled' };
    const bytes = new Uint8Array(memory.transferToFixedLength());
    return { kind: 'document', bytes, source: source.href, validator: validatorOf(headers) };
  } finally {
    answer.close();
  }
}
