// Fetches a small document into memory: an index, a list of checksums, a signature.
//
// 1. Timeouts, pace, redirects and faults are the same as for files. A document is kept in memory, so `bytesMax` bounds it, and others wait for
//    its place, so `documentMsMax` does.
// 2. Nothing is cached. The caller keeps the validator of a document, and passes it to the next request.

import { type AttemptMeans, Body, type BodySink } from './body.ts';
import { AttemptFailure, type AttemptFault } from './fault.ts';
import type { Places } from './places.ts';
import { planBody, type Validator, validatorOf, type Wanted } from './range-answer.ts';
import { sleepUntil } from './sleep-until.ts';
import type { SourceHealth } from './source-health.ts';
import { type Source, SourcePlan } from './source-plan.ts';
import { parseWebUrl, shownUrl } from './web-client.ts';

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
interface DocumentMeans extends AttemptMeans {
  readonly places: Places;
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
  const plan = new SourcePlan(urls, health, clock, {
    ...settings,
    roundsMax: Math.min(settings.roundsMax, ROUNDS_MAX),
  });
  let last: DocumentResult = { kind: 'cancelled' };
  while (!signal.aborted) {
    const step = plan.next();
    if (step.kind === 'give-up') return last;
    if (step.kind === 'wait') {
      await sleepUntil(step.until, clock, signal);
      continue;
    }
    const place = await means.places.take(step.sources, signal);
    if (place === undefined) break;
    const { source } = place;
    try {
      const result = await askOnce(source, request, means, signal);
      if (result.kind !== 'cancelled') plan.succeeded(source);
      return result;
    } catch (error) {
      if (!(error instanceof AttemptFailure)) throw error;
      plan.failed(source, error.fault, 0);
      last = { kind: 'failed', url: shownUrl(source.url), reason: error.fault };
    } finally {
      place.giveBack();
    }
  }
  return { kind: 'cancelled' };
}

async function askOnce(
  { url }: Source,
  { known, bytesMax }: DocumentRequest,
  means: DocumentMeans,
  signal: AbortSignal,
): Promise<DocumentResult> {
  const condition =
    known?.kind === 'etag' ? { 'If-None-Match': known.value } : { 'If-Modified-Since': known?.value ?? '' };
  const answer = await means.web.open(url, () => (known === undefined ? {} : condition), signal);
  if (answer === undefined) return { kind: 'cancelled' };
  const { message } = answer;
  const status = message.statusCode ?? 0;
  try {
    message.on('error', () => undefined);
    if (status === 304 && known !== undefined) return { kind: 'unchanged' };
    const head = { url: answer.url, status, headers: message.headers, wallTimeMs: means.clock.wallTimeMs() };
    const plan = planBody(head, { ...WHOLE, bytesMax });
    const sink = new MemorySink(bytesMax);
    const total = plan.kind === 'body' ? plan.file.total : undefined;
    const wholeMs = means.settings.documentMsMax;
    const body = new Body(answer, sink, { surplus: 0, total, bytesMax, wholeMs }, means, IGNORED);
    if (!(await body.read(signal))) return { kind: 'cancelled' };
    return { kind: 'document', bytes: sink.take(), source: url.href, validator: validatorOf(message.headers) };
  } finally {
    answer.close();
  }
}

/** Requests a whole document. Only the caller verifies it: no size or digest is compared here. */
const WHOLE: Omit<Wanted, 'bytesMax'> = { from: 0, kept: undefined, mayMix: false, hasDigest: false, bytes: undefined };
const IGNORED = { onBytes: () => undefined, onGrown: () => undefined };

/** Keeps a body in memory, in one piece: a server may send it byte by byte. */
class MemorySink implements BodySink {
  readonly #memory: ArrayBuffer;
  readonly isFull = false;
  bytes = 0;

  constructor(bytesMax: number) {
    this.#memory = new ArrayBuffer(0, { maxByteLength: bytesMax });
  }

  append(bytes: Uint8Array): void {
    this.#memory.resize(this.bytes + bytes.length);
    new Uint8Array(this.#memory, this.bytes).set(bytes);
    this.bytes += bytes.length;
  }

  listen(): void {
    // Memory is never full and never fails, so there is nothing to report.
  }

  store(): void {
    // Every byte is stored at once.
  }

  take(): Uint8Array {
    return new Uint8Array(this.#memory.transferToFixedLength());
  }
}
