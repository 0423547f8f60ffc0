// Server-sent events: an open-ended answer to a reader that may be slow or gone.
//
// Sources: WHATWG HTML §9.2 (text/event-stream); RFC 9112 §9.8 (closed connections).
//
// 1. Nothing is queued for a slow reader: `isReady` says whether it has taken everything written,
//    and `onReady` is called when it has.
// 2. A reader that takes nothing for STALLED_MS_MAX is disconnected.
// 3. A comment every COMMENT_MS shows each side that the other is alive.

import { type Clock, repeat, type Timer } from '../../ground/clock.ts';

export const COMMENT_MS = 15_000;
const STALLED_MS_MAX = 60_000;

export interface StreamResponse {
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  /** @returns false if the reader has not taken it yet; 'drain' follows when it has */
  write(text: string): boolean;
  end(): unknown;
  destroy(): unknown;
  on(event: 'drain' | 'error', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
}

interface StreamEvent {
  readonly id?: number | string | undefined;
  readonly event?: string | undefined;
  readonly data: unknown;
}

export function formatStreamEvent({ id, event, data }: StreamEvent): string {
  const lines = [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    `data: ${JSON.stringify(data)}`,
  ];
  return `${lines.join('\n')}\n\n`;
}

export class EventAnswer {
  readonly #response: StreamResponse;
  readonly #clock: Clock;
  readonly #onReady: () => void;
  readonly #comment: Timer;
  #stalled: Timer | undefined;
  #isOpen = true;

  /**
   * Sends the head of the answer.
   * @param onReady called when a slow reader has taken what was written
   * @param onComment called every COMMENT_MS
   * @param onEnd called once, when the reader is gone or the stream is closed
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
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      // Proxies must not buffer live events.
      'X-Accel-Buffering': 'no',
    });
    response.on('drain', () => this.#drained());
    response.on('error', () => {});
    response.once('close', () => {
      this.#isOpen = false;
      this.#comment.cancel();
      this.#stalled?.cancel();
      options.onEnd();
    });
    this.#write(': here\n\n');
    this.#comment = repeat(options.clock, COMMENT_MS, () => {
      if (this.isReady) this.#write(': here\n\n');
      options.onComment?.();
    });
  }

  get isReady(): boolean {
    return this.#isOpen && this.#stalled === undefined;
  }

  send(event: StreamEvent): void {
    this.#write(formatStreamEvent(event));
  }

  close(): void {
    if (this.#isOpen) this.#response.end();
  }

  #write(text: string) {
    if (!this.#isOpen || this.#response.write(text)) return;
    this.#stalled ??= this.#clock.schedule(STALLED_MS_MAX, () => this.#response.destroy());
  }

  #drained() {
    this.#stalled?.cancel();
    this.#stalled = undefined;
    if (this.#isOpen) this.#onReady();
  }
}
