// The port to a remote region. `http-transport.ts` implements it.

import type { RackNote } from '../region/reports/notes.ts';

/**
 * The default bound of an answer, in bytes; ample for all but the desired state and the answer to a
 * batch.
 */
export const ANSWER_BYTES_MAX = 64 * 1024;

/** A request; its path is relative to region.url, `/uplink/1/racks/…`. */
export interface LinkRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** False to send it without the rack's key, which the region does not know yet. */
  readonly authorized: boolean;
  readonly ifNoneMatch?: string | undefined;
  /** True if the answer may be 226, with the changes since the state of `ifNoneMatch` (RFC 3229). */
  readonly takesChanges?: boolean | undefined;
  /** The largest accepted answer, in bytes; default ANSWER_BYTES_MAX. */
  readonly answerBytesMax?: number | undefined;
  readonly body?: { readonly contentType: string; readonly text: string } | undefined;
}

export interface LinkAnswer {
  readonly status: number;
  /** The region's Retry-After, in milliseconds; `undefined` if absent. */
  readonly retryAfterMs: number | undefined;
  readonly body: string;
  readonly etag?: string | undefined;
  /** The location of a redirection, unchecked. */
  readonly location?: string | undefined;
}

/** Why a request got no whole answer of the region. */
export type FailureNote = RackNote<'link-unanswered' | 'link-foreign'>;

/** Rejects a request that got no whole answer of the region. */
export class LinkFailure extends Error {
  readonly note: FailureNote;

  constructor(note: FailureNote, options?: ErrorOptions) {
    super(`${note.url}: ${note.note === 'link-foreign' ? note.status : note.fault}`, options);
    this.note = note;
  }

  /** True if something answered that is not a region. */
  get isForeign(): boolean {
    return this.note.note === 'link-foreign';
  }
}

/** Listens to a stream of events. `onEnd` is the last call. */
export interface LinkListener {
  onOpen(): void;
  /** Called when anything arrives, even a comment. */
  onAlive(): void;
  onEvent(event: string, data: string): void;
  /**
   * @param status of the region's answer that is not a stream; `undefined` if there was none, or a
   * stream had begun and ended
   */
  onEnd(status: number | undefined): void;
}

export interface LinkTransport {
  readonly url: string;
  /** Rejects with a `LinkFailure` if there is no whole answer of the region. */
  ask(request: LinkRequest): Promise<LinkAnswer>;
  /** Opens a stream of events; `close` ends it without calling the listener again. */
  follow(path: string, listener: LinkListener): { close(): void };
  close(): void;
}

/** One address of a region that has several. */
export interface RegionAddress extends LinkTransport {
  /**
   * Asks for the cheapest answer that the region has, on a connection of its own. Rejects with a
   * `LinkFailure` if the region gives none, or says "not now".
   */
  ping(signal: AbortSignal): Promise<void>;
  /** Ends all requests and streams under way with the fault `hanging`. */
  abandon(): void;
}

/**
 * Statuses of an answer that says "not now": of a region without its database, and of a proxy
 * without a region.
 */
export const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);
