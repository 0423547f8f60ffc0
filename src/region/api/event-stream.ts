// Server-sent events: an answer that goes on, to a reader that may be slow or gone.
//
// Sources: WHATWG HTML §9.2 (text/event-stream); RFC 9112 §9.8 (a connection that is closed).
//
// 1. Nothing is queued for a reader that does not read: `isReady` says whether it has taken what was written, and `onReady` when.
// 2. A reader that took nothing for STALLED_MS_MAX is cut off.
// 3. A comment every COMMENT_MS shows both sides that the other is there.

import type { Clock, Timer } from '../../clock.ts';

export const COMMENT_MS = 15_000;
const STALLED_MS_MAX = 60_000;

/** What a stream needs of `ServerResponse`. */
export interface StreamResponse {
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  /** False: the reader has not taken it yet; 'drain' tells when. */
  write(text: string): boolean;
  end(): unknown;
  destroy(): unknown;
  on(event: 'drain' | 'error', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** One event of a stream. */
export interface StreamEvent {
  readonly id?: number | undefined;
  readonly event?: string | undefined;
  /** Rendered as JSON, on one line. */
  readonly data: unknown;
}

/** The text of an event. */
export function formatStreamEvent({ id, event, data }: StreamEvent): string {
  const lines = [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    `data: ${JSON.stringify(data)}`,
  ];
  return `${lines.join('\n')}\n\n`;
}

/** A stream to one reader. */
export class EventAnswer {
  readonly #response: StreamResponse;
  readonly #clock: Clock;
  readonly #onReady: () => void;
  readonly #onComment: (() => void) | undefined;
  #comment: Timer | undefined;
  #stalled: Timer | undefined;
  #isOpen = true;

  /**
   * Sends the head of the answer.
   * @param onReady called when a slow reader has taken what was written
   * @param onComment called as often as a comment is sent
   * @param onEnd called once, when the reader is gone or the stream was closed
   */
  constructor(
    response: StreamResponse,
    options: {
      readonly clock: Clock;
      readonly onReady: () => void;
      readonly onComment?: (() => void) | undefined;
      readonly onEnd: () => void;
    },
  ) {
    this.#response = response;
    this.#clock = options.clock;
    this.#onReady = options.onReady;
    this.#onComment = options.onComment;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      // A proxy in between must not gather what belongs to the present.
      'X-Accel-Buffering': 'no',
    });
    response.on('drain', () => this.#drained());
    response.on('error', () => {});
    response.once('close', () => {
      this.#isOpen = false;
      this.#comment?.cancel();
      this.#stalled?.cancel();
      options.onEnd();
    });
    this.#write(': here\n\n');
    this.#commentLater();
  }

  /** True when the reader has taken all that was written. */
  get isReady(): boolean {
    return this.#isOpen && this.#stalled === undefined;
  }

  send(event: StreamEvent): void {
    this.#write(formatStreamEvent(event));
  }

  close(): void {
    if (this.#isOpen) this.#response.end();
  }

  #write(text: string): void {
    if (!this.#isOpen || this.#response.write(text)) return;
    this.#stalled ??= this.#clock.schedule(STALLED_MS_MAX, () => this.#response.destroy());
  }

  #drained(): void {
    this.#stalled?.cancel();
    this.#stalled = undefined;
    if (this.#isOpen) this.#onReady();
  }

  #commentLater(): void {
    this.#comment = this.#clock.schedule(COMMENT_MS, () => {
      if (this.isReady) this.#write(': here\n\n');
      this.#commentLater();
      this.#onComment?.();
    });
  }
}
