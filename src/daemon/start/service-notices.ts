// Notifies the service manager while this process starts, serves, reloads and stops. Source: sd_notify(3).
//
//   starting ──ready──▶ serving ◀──duringReload──▶ reloading
//       └──────────────────┴──────stopping──────┴─────▶ stopping ──close──▶ silent
//
// 1. The rack's loop feeds the watchdog, while the lease journal's worker has owed an answer for
//    less than half the watchdog time: a process whose loop or journal hangs is restarted. A disk
//    that takes seconds is not a hang (`store/leases/lease-journal.ts`).
// 2. Every RELOADING is followed by a READY, whether or not the reload succeeded.
// 3. Only a running loop asks for more time, for at most START_MS_MAX and STOP_MS_MAX in all.

import { type Clock, type Instant, readMonotonicMicroseconds, repeat, type Timer } from '../../ground/clock.ts';
import type { Publish } from '../../ground/event.ts';
import { type NotifyOptions, type NotifySocket, openNotifySocket } from '../../net/linux/notify-socket.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import { type RackNote, withText } from '../../region/reports/notes.ts';
import { makeStatusLine, type StatusLineSources } from '../rack/status-line.ts';

/** How often the status line is checked; it is sent when it changed. */
const STATUS_MS = 1000;
/** By how much each check extends the time that the service manager grants a start or a stop. */
const EXTENSION_MS = 10_000;
/** How long a start and a stop may take; a start may check a database, or copy it before a migration. */
const START_MS_MAX = 600_000;
const STOP_MS_MAX = 60_000;

interface ServiceNoticesDeps {
  readonly clock: Clock;
  /** `undefined` without a service manager: nothing is sent. */
  readonly notify: NotifyOptions | undefined;
  readonly statusLine: () => string;
  /** How long the lease journal's worker has owed an answer, in milliseconds. */
  readonly journalSilentMs: () => number;
  /** Called once when the service manager cannot be reached, and each time the watchdog stops being fed. */
  readonly onTrouble: (note: RackNote) => void;
  /** For tests: replaces the socket that `notify` names. */
  readonly socket?: NotifySocket;
}

/** Notifies the service manager. Every method may also be called without one. */
export class ServiceNotices {
  readonly #deps: ServiceNoticesDeps;
  readonly #socket: NotifySocket | undefined;
  readonly #startedAt: Instant;
  #state: 'starting' | 'serving' | 'stopping' | 'silent' = 'starting';
  #isReadyDue = false;
  #reloadCount = 0;
  #stoppingAt: Instant;
  #progressText = 'starting';
  #lastSentLine = '';
  #isStarved = false;
  readonly #timers: Timer[] = [];

  constructor(deps: ServiceNoticesDeps) {
    this.#deps = deps;
    const { notify, clock } = deps;
    this.#startedAt = clock.now();
    this.#stoppingAt = clock.now();
    if (notify === undefined) return;
    this.#socket = deps.socket ?? openNotifySocket(notify.socket, deps.onTrouble);
    this.#timers.push(repeat(clock, STATUS_MS, () => this.#check()));
    const { watchdogMs } = notify;
    if (watchdogMs !== undefined)
      this.#timers.push(repeat(clock, watchdogMs / 2, () => this.#feedWatchdog(watchdogMs)));
    this.#check();
  }

  reportReady(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'serving';
    this.#sendReady();
  }

  /** Reports the beginning and end of a reload; concurrent reloads count as one. */
  async duringReload<T>(reload: () => Promise<T>): Promise<T> {
    if (this.#state === 'serving') {
      this.#reloadCount += 1;
      if (this.#reloadCount === 1) this.#send({ RELOADING: '1', MONOTONIC_USEC: String(readMonotonicMicroseconds()) });
    }
    try {
      return await reload();
    } finally {
      if (this.#reloadCount > 0) {
        this.#reloadCount -= 1;
        if (this.#reloadCount === 0 && this.#state === 'serving') this.#sendReady();
      }
    }
  }

  /**
   * Reports that the process is stopping and, in `text`, what it still waits for. May be called
   * again with another text.
   */
  reportStopping(text: string): void {
    if (this.#state === 'silent') return;
    this.#progressText = text;
    if (this.#state !== 'stopping') {
      this.#state = 'stopping';
      this.#stoppingAt = this.#deps.clock.now();
      this.#send({ STOPPING: '1' });
    }
    this.#check();
  }

  close(): void {
    this.#state = 'silent';
    for (const timer of this.#timers) timer.cancel();
    this.#socket?.close();
  }

  /** Sends READY again until the socket takes it, because the service manager waits for it. */
  #sendReady(): void {
    const line = this.#deps.statusLine();
    this.#isReadyDue = !this.#send({ READY: '1', STATUS: line });
    if (!this.#isReadyDue) this.#lastSentLine = line;
  }

  /** Sends a changed status line, and asks for more time during a long start or stop. */
  #check(): void {
    if (this.#isReadyDue && this.#state === 'serving' && this.#reloadCount === 0) {
      this.#sendReady();
      return;
    }
    const line = this.#state === 'serving' ? this.#deps.statusLine() : this.#progressText;
    const isChanged = line !== this.#lastSentLine;
    const isSent = this.#send({ ...this.#composeExtension(), ...(isChanged ? { STATUS: line } : {}) });
    // A status line that the socket did not take is sent again at the next check.
    if (isChanged && isSent) this.#lastSentLine = line;
  }

  #composeExtension(): Readonly<Record<string, string>> {
    if (this.#state === 'serving') return {};
    const isStarting = this.#state === 'starting';
    const elapsedMs = this.#deps.clock.now() - (isStarting ? this.#startedAt : this.#stoppingAt);
    return elapsedMs > (isStarting ? START_MS_MAX : STOP_MS_MAX)
      ? {}
      : { EXTEND_TIMEOUT_USEC: String(EXTENSION_MS * 1000) };
  }

  #feedWatchdog(watchdogMs: number): void {
    const silentMs = this.#state === 'serving' ? this.#deps.journalSilentMs() : 0;
    if (silentMs < watchdogMs / 2) {
      this.#isStarved = false;
      this.#send({ WATCHDOG: '1' });
      return;
    }
    if (this.#isStarved) return;
    this.#isStarved = true;
    this.#deps.onTrouble({ note: 'journal-silent', seconds: Math.round(silentMs / 1000) });
  }

  #send(notice: Readonly<Record<string, string>>): boolean {
    if (this.#socket === undefined || Object.keys(notice).length === 0) return true;
    return this.#socket.send(notice);
  }
}

interface ServiceSources extends Omit<StatusLineSources, 'journal'> {
  readonly notify: NotifyOptions | undefined;
  readonly publish: Publish;
  /** `undefined` until it is open. */
  readonly journal: () =>
    | { silentMs(): number; status(): { readonly available: boolean; readonly reason: string | undefined } }
    | undefined;
}

/** Opens the notifications of a running daemon. */
export function openServiceNotices(sources: ServiceSources): ServiceNotices {
  const { clock, notify, publish, journal } = sources;
  return new ServiceNotices({
    clock,
    notify,
    statusLine: makeStatusLine({ ...sources, journal: () => journal()?.status() }),
    journalSilentMs: () => journal()?.silentMs() ?? 0,
    onTrouble: (note) => {
      const event: DaemonEvent = { kind: 'daemon.note', at: clock.now(), ...withText(note) };
      publish(event);
    },
  });
}
