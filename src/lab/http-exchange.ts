// A simulated machine's HTTP request, with retries after failures. Sans-IO: it returns the request to send.
//
//   idle ─begin▶ asked ─fail, or late▶ waiting ─timeout▶ asked        end: an answer came, or the machine gave up
//     └──beginLater▶ waiting              └─ after HTTP_TRIES_MAX ▶ the machine gives up

import { type Instant, later } from '../ground/clock.ts';
import type { MachineAction } from './machine-actions.ts';

/** How often a request is sent before the machine gives up. */
const HTTP_TRIES_MAX = 8;
const HTTP_RETRY_MS = 1000;
/** How long a request may take, in milliseconds. */
const HTTP_ANSWER_MS_MAX = 30_000;

export type HttpRequest = Extract<MachineAction, { kind: 'http' }>;

/** The request that a machine waits for. */
export class HttpExchange {
  #request: HttpRequest | undefined;
  #tries = 0;
  #answerBy: Instant | undefined;
  #retryAt: Instant | undefined;

  /** True from `begin` or `beginLater` until `end`. */
  get isUnderWay(): boolean {
    return this.#request !== undefined;
  }

  /** When to call `timeout`; undefined if nothing is under way. */
  get deadline(): Instant | undefined {
    return this.#retryAt ?? this.#answerBy;
  }

  /** Begins a request. @returns what to send now */
  begin(request: HttpRequest, now: Instant): HttpRequest {
    this.#tries = 0;
    return this.#send(request, now);
  }

  /** Begins a request that `timeout` will return at this time. */
  beginLater(request: HttpRequest, sendAt: Instant): void {
    this.#request = request;
    this.#tries = 0;
    this.#retryAt = sendAt;
  }

  /** Notes that the request failed. @returns its URL, and whether it will be sent again */
  fail(now: Instant): { readonly url: string; readonly willRetry: boolean } {
    const url = this.#request?.url ?? '';
    this.#answerBy = undefined;
    if (this.#tries >= HTTP_TRIES_MAX) return { url, willRetry: false };
    this.#retryAt = later(now, HTTP_RETRY_MS * 2 ** Math.min(this.#tries - 1, 4));
    return { url, willRetry: true };
  }

  /**
   * Returns the request if it is due to be sent now, or `late` if its answer is overdue. After
   * `late`, call `fail`.
   */
  timeout(now: Instant): HttpRequest | 'late' | undefined {
    if (this.#retryAt !== undefined && now >= this.#retryAt && this.#request !== undefined)
      return this.#send(this.#request, now);
    return this.#answerBy !== undefined && now >= this.#answerBy ? 'late' : undefined;
  }

  end(): void {
    this.#request = undefined;
    this.#answerBy = undefined;
    this.#retryAt = undefined;
  }

  #send(request: HttpRequest, now: Instant): HttpRequest {
    this.#request = request;
    this.#tries += 1;
    this.#retryAt = undefined;
    this.#answerBy = later(now, HTTP_ANSWER_MS_MAX);
    return request;
  }
}
