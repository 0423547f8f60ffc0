// What this process tells the system's manager of services while it starts, serves, reloads and stops. Source: sd_notify(3).
//
//   starting ──ready──▶ serving ◀──around──▶ reloading
//       └──────────────────┴──────stopping──────┴─────▶ stopping ──close──▶ silent
//
// 1. The watchdog is fed from the rack's loop, and only while the lease journal's worker owes no answer for half its time: a process
//    whose loop or whose journal hangs is started anew. A disk that takes seconds is not a hang (`store/lease-journal.ts`).
// 2. Every RELOADING is followed by a READY, whatever became of the reload.
// 3. The manager is told to wait longer only while the loop turns, at most START_MS_MAX and STOP_MS_MAX in all.

import { type Clock, type Instant, monotonicMicroseconds, type Timer } from '../../clock.ts';
import type { Publish } from '../../event.ts';
import { type NotifySocket, type NotifyTerms, openNotifySocket } from '../../net/notify-socket.ts';
import type { DaemonEvent } from '../rack/events.ts';
import { followStatus, type StatusLineSources } from '../rack/status-line.ts';

/** How often the status line is looked at, and sent when it changed. */
const STATUS_MS = 1000;
/** By how much each look lengthens the time that the manager grants a start or a stop. */
const EXTENSION_MS = 10_000;
/** How long a start may take (a database that is checked, or copied before its migration), and a stop. */
const START_MS_MAX = 600_000;
const STOP_MS_MAX = 60_000;

export interface ServiceNoticesParts {
  readonly clock: Clock;
  /** Undefined: nobody waits for a word, and nothing is said. */
  readonly terms: NotifyTerms | undefined;
  /** One line about what is served and what waits. */
  readonly statusLine: () => string;
  /** How long the lease journal's worker owes an answer, in milliseconds. */
  readonly journalSilentMs: () => number;
  /** Told once why the manager cannot be reached, and each time the watchdog begins to be left unfed. */
  readonly onTrouble: (text: string) => void;
  /** For tests: instead of the socket that `terms` name. */
  readonly socket?: NotifySocket;
}

/** Speaks to the system's manager of services. Every method may be called when there is none. */
export class ServiceNotices {
  readonly #parts: ServiceNoticesParts;
  readonly #socket: NotifySocket | undefined;
  readonly #startedAt: Instant;
  #state: 'starting' | 'serving' | 'stopping' | 'silent' = 'starting';
  #readyOwed = false;
  #reloads = 0;
  #stoppingAt: Instant;
  #progress = 'starting';
  #said = '';
  #hungry = false;
  readonly #timers: { current: Timer | undefined }[] = [];

  constructor(parts: ServiceNoticesParts) {
    this.#parts = parts;
    const { terms, clock } = parts;
    this.#startedAt = clock.now();
    this.#stoppingAt = clock.now();
    if (terms === undefined) return;
    this.#socket = parts.socket ?? openNotifySocket(terms.socket, parts.onTrouble);
    this.#every(STATUS_MS, () => this.#look());
    const { watchdogMs } = terms;
    if (watchdogMs !== undefined) this.#every(watchdogMs / 2, () => this.#feed(watchdogMs));
    this.#look();
  }

  /** The rack answers. */
  ready(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'serving';
    this.#sayReady();
  }

  /** Tells of a reload from its beginning to its end; several at a time are one. */
  async around<T>(reload: () => Promise<T>): Promise<T> {
    if (this.#state === 'serving') {
      this.#reloads += 1;
      if (this.#reloads === 1) this.#send({ RELOADING: '1', MONOTONIC_USEC: String(monotonicMicroseconds()) });
    }
    try {
      return await reload();
    } finally {
      if (this.#reloads > 0) {
        this.#reloads -= 1;
        if (this.#reloads === 0 && this.#state === 'serving') this.#sayReady();
      }
    }
  }

  /** The process ends; `text` says what it still waits for. May be called again with another text. */
  stopping(text: string): void {
    if (this.#state === 'silent') return;
    this.#progress = text;
    if (this.#state !== 'stopping') {
      this.#state = 'stopping';
      this.#stoppingAt = this.#parts.clock.now();
      this.#send({ STOPPING: '1' });
    }
    this.#look();
  }

  close(): void {
    this.#state = 'silent';
    for (const { current } of this.#timers) current?.cancel();
    this.#socket?.close();
  }

  /** The manager waits for this word: it is said again until it was taken. */
  #sayReady(): void {
    const line = this.#parts.statusLine();
    this.#readyOwed = !this.#send({ READY: '1', STATUS: line });
    if (!this.#readyOwed) this.#said = line;
  }

  #every(delayMs: number, action: () => void): void {
    const timer: { current: Timer | undefined } = { current: undefined };
    const again = (): void => {
      timer.current = this.#parts.clock.schedule(delayMs, () => {
        again();
        action();
      });
    };
    again();
    this.#timers.push(timer);
  }

  /** Sends what has changed, and asks for time where a start or a stop lasts. */
  #look(): void {
    if (this.#readyOwed && this.#state === 'serving' && this.#reloads === 0) {
      this.#sayReady();
      return;
    }
    const line = this.#state === 'serving' ? this.#parts.statusLine() : this.#progress;
    const changed = line !== this.#said;
    const sent = this.#send({ ...this.#extension(), ...(changed ? { STATUS: line } : {}) });
    // What was not taken is said again the next time.
    if (changed && sent) this.#said = line;
  }

  #extension(): Readonly<Record<string, string>> {
    if (this.#state === 'serving') return {};
    const isStarting = this.#state === 'starting';
    const since = this.#parts.clock.now() - (isStarting ? this.#startedAt : this.#stoppingAt);
    return since > (isStarting ? START_MS_MAX : STOP_MS_MAX)
      ? {}
      : { EXTEND_TIMEOUT_USEC: String(EXTENSION_MS * 1000) };
  }

  #feed(watchdogMs: number): void {
    const silentMs = this.#state === 'serving' ? this.#parts.journalSilentMs() : 0;
    if (silentMs < watchdogMs / 2) {
      this.#hungry = false;
      this.#send({ WATCHDOG: '1' });
      return;
    }
    if (this.#hungry) return;
    this.#hungry = true;
    this.#parts.onTrouble(
      `the lease journal has not answered for ${Math.round(silentMs / 1000)} s: the system's manager will start this process anew`,
    );
  }

  #send(notice: Readonly<Record<string, string>>): boolean {
    if (this.#socket === undefined || Object.keys(notice).length === 0) return true;
    return this.#socket.send(notice);
  }
}

export interface ServiceSources extends Omit<StatusLineSources, 'journal'> {
  readonly terms: NotifyTerms | undefined;
  readonly publish: Publish;
  /** Undefined: it is not open yet. */
  readonly journal: () =>
    | { silentMs(): number; status(): { readonly available: boolean; readonly reason: string | undefined } }
    | undefined;
}

/** The notices of a running daemon. */
export function openServiceNotices(sources: ServiceSources): ServiceNotices {
  const { clock, terms, publish, journal } = sources;
  return new ServiceNotices({
    clock,
    terms,
    statusLine: followStatus({ ...sources, journal: () => journal()?.status() }),
    journalSilentMs: () => journal()?.silentMs() ?? 0,
    onTrouble: (text) => {
      const event: DaemonEvent = { kind: 'daemon.note', at: clock.now(), text };
      publish(event);
    },
  });
}
