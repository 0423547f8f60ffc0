// One request from one client port, from its arrival to its end, as the server sees it: its content
// and its events. Once its file is open, `transfer-engine.ts` carries its transfer.
//
// 1. A session ends once. Its content is closed then, or when its transfer no longer runs.

import type { Ipv4, MacAddress } from '../ground/address.ts';
import { cleanText } from '../ground/clean-text.ts';
import type { Instant } from '../ground/clock.ts';
import type { QueuedItem } from '../ground/deadline-queue.ts';
import type { Content } from './content.ts';
import { FILE_CHARACTERS_MAX, type TftpEvent, type TftpEventKind } from './events.ts';
import type { Listener } from './listener.ts';
import type { NegotiatedOptions } from './negotiated-options.ts';
import type { TftpRequest } from './packet.ts';
import type { Progress, Seat, Seated } from './places.ts';

/** A request with its client and the listener that received it. */
interface SessionOrigin {
  readonly listener: Listener<Session>;
  readonly peer: Ipv4;
  readonly port: number;
  readonly request: TftpRequest;
}

/** The state of one request. */
export class Session implements QueuedItem, Seated<Session> {
  heapIndex = -1;
  seat: Seat<Session> | undefined;
  readonly origin: SessionOrigin;
  readonly startedAt: Instant;
  /** Who holds the lease of the client's address. */
  holder: MacAddress | undefined;
  /** What text rendered for the client tells it to do. */
  told: Pick<TftpEvent, 'purpose' | 'menuSeconds'> | undefined;
  content: Content | undefined;
  /** The negotiated options; undefined until there is something to send. */
  negotiated: NegotiatedOptions | undefined;
  /** Its number in the engine; undefined before and after that. */
  slot: number | undefined;
  /** A newer request from the same client port, which takes over with its first acknowledgement. */
  successor: Session | undefined;
  /** The transfer that it will take over from. */
  predecessor: Session | undefined;
  readonly #read: (slot: number) => Progress;
  #last: Progress;
  #over = false;

  /** @param read the progress of a running transfer */
  constructor(origin: SessionOrigin, now: Instant, read: (slot: number) => Progress) {
    this.origin = origin;
    this.startedAt = now;
    this.#read = read;
    this.#last = { heardAt: now, answered: false, overdue: false, ackedBytes: 0, repeatedBlocks: 0 };
  }

  get over(): boolean {
    return this.#over;
  }

  get progress(): Progress {
    if (this.slot !== undefined && !this.#over) this.#last = this.#read(this.slot);
    return this.#last;
  }

  /** True until the client's first acknowledgement. */
  get unanswered(): boolean {
    return !this.progress.answered;
  }

  /** Ends the session; its progress stays. */
  end(): void {
    void this.progress;
    this.#over = true;
    if (this.slot === undefined) this.content?.close();
  }

  /**
   * Notes that the transfer no longer runs; its progress stays. @param isDoubtful its content could
   * not be read
   */
  leaveSlot(isDoubtful: boolean): void {
    void this.progress;
    this.slot = undefined;
    this.content?.close(isDoubtful);
    this.content = undefined;
  }

  /** Builds an event of this kind with all known fields. */
  event(kind: TftpEventKind, now: Instant, more: Partial<TftpEvent> = {}): TftpEvent {
    const { negotiated, progress, origin } = this;
    return {
      ...requestEvent(kind, now, origin.peer, origin.port, origin.request),
      mac: this.holder,
      milliseconds: Math.round(now - this.startedAt),
      ...(negotiated !== undefined && {
        bytes: progress.ackedBytes,
        blockBytes: negotiated.blockBytes,
        windowBlocks: negotiated.windowBlocks,
        repeatedBlocks: progress.repeatedBlocks,
      }),
      ...this.told,
      ...more,
    };
  }
}

/** Builds an event about a request; the file name is cleaned. */
export function requestEvent(
  kind: TftpEventKind,
  now: Instant,
  peer: Ipv4,
  port: number,
  request: TftpRequest | undefined,
): TftpEvent {
  const file = request && cleanText(request.file, FILE_CHARACTERS_MAX);
  return { kind, at: now, address: peer, port, ...(file !== undefined && { file }) };
}

/** True if the two requests are the same: the client repeats itself. */
export function sameRequest(a: TftpRequest, b: TftpRequest): boolean {
  return (
    a.file === b.file &&
    a.mode === b.mode &&
    a.options.length === b.options.length &&
    a.options.every(({ name, value }, index) => name === b.options[index]?.name && value === b.options[index]?.value)
  );
}
