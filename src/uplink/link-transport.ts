// How a remote region is spoken to: the port. `http-transport.ts` implements it.

/** What a region has to say but for the state and the judgement of a batch is a line or two. */
export const ANSWER_BYTES_MAX = 64 * 1024;

/** One request. The path is below region.url, `/uplink/1/racks/…`. */
export interface LinkRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** False: it goes without the rack's key, which the region does not know yet. */
  readonly authorized: boolean;
  readonly ifNoneMatch?: string | undefined;
  /** The largest answer that is read, in bytes; undefined: ANSWER_BYTES_MAX. */
  readonly answerBytesMax?: number | undefined;
  readonly body?: { readonly contentType: string; readonly text: string } | undefined;
}

export interface LinkAnswer {
  readonly status: number;
  /** What the region asks to wait, in milliseconds; undefined: it does not say. */
  readonly retryAfterMs: number | undefined;
  readonly body: string;
  /** Where a redirection leads, as it was said. */
  readonly location?: string | undefined;
}

/** Told of a stream of events. `onEnd` is the last call. */
export interface LinkListener {
  onOpen(): void;
  /** Anything came, if only a comment. */
  onAlive(): void;
  onEvent(event: string, data: string): void;
  /** @param status what answered instead of a stream; undefined: nothing did, or the stream ended */
  onEnd(reason: string, status: number | undefined): void;
}

export interface LinkTransport {
  /** Rejects when there is no whole answer. */
  ask(request: LinkRequest): Promise<LinkAnswer>;
  /** Opens a stream of events; `close` ends it without a further call. */
  follow(path: string, listener: LinkListener): { close(): void };
  close(): void;
}
