// One request from one client port, from its arrival to its end: the engine, its content and its events.
//
// 1. A session holds at most one window to send and one running read.
// 2. A session ends once, and then closes what it holds.

import { cleanText } from '../clean-text.ts';
import { type Instant, later } from '../clock.ts';
import type { Waiting } from '../deadline-queue.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';
import type { DatagramSocket } from '../net/datagrams/datagram.ts';
import type { Content } from './content.ts';
import { FILE_CHARACTERS_MAX, type TftpEvent, type TftpEventKind } from './events.ts';
import type { Listener } from './listener.ts';
import type { TftpRequest } from './packet.ts';
import type { Seat, Seated } from './places.ts';
import type { Transfer, TransferAction } from './transfer.ts';

/** How long resolving and opening the requested file may take, in milliseconds. */
const OPEN_MS_MAX = 30_000;

/** A request with its client and the listener that received it. */
interface SessionOrigin {
  readonly listener: Listener<Session>;
  readonly peer: Ipv4;
  readonly port: number;
  readonly request: TftpRequest;
}

export type BlocksToSend = TransferAction & { readonly kind: 'send-blocks' };

/** The state of one request. */
export class Session implements Waiting, Seated<Session> {
  place = -1;
  seat: Seat<Session> | undefined;
  readonly origin: SessionOrigin;
  readonly startedAt: Instant;
  /** When the client's last packet arrived. */
  heardAt: Instant;
  machineMac: MacAddress | undefined;
  /** The purpose of rendered text: what it tells the machine to do. */
  purpose: string | undefined;
  content: Content | undefined;
  /** The socket of this transfer alone; its port is the server's TID (RFC 1350 §4). Undefined until there is something to send. */
  socket: DatagramSocket | undefined;
  transfer: Transfer | undefined;
  /** A newer request from the same client port, which takes over with its first acknowledgement. */
  successor: Session | undefined;
  /** The transfer that it will take over from. */
  predecessor: Session | undefined;
  /** The window to send next; a newer one replaces it. */
  toSend: BlocksToSend | undefined;
  /** True while it is in the sender's queue or waits for a read. */
  busy = false;
  #over = false;

  constructor(origin: SessionOrigin, now: Instant) {
    this.origin = origin;
    this.startedAt = now;
    this.heardAt = now;
  }

  get over(): boolean {
    return this.#over;
  }

  /** True until the client's first answer. */
  get unanswered(): boolean {
    return this.transfer === undefined || this.transfer.unanswered;
  }

  /** The next deadline; undefined when the session is over. */
  get deadline(): Instant | undefined {
    if (this.#over) return undefined;
    return this.transfer === undefined ? later(this.startedAt, OPEN_MS_MAX) : this.transfer.deadline;
  }

  /** Ends the session and closes what it holds. */
  end(): void {
    this.#over = true;
    this.toSend = undefined;
    this.content?.close();
  }

  /** Builds an event of this kind with all known fields. */
  event(kind: TftpEventKind, now: Instant, more: Partial<TftpEvent> = {}): TftpEvent {
    const { transfer, origin } = this;
    return {
      ...requestEvent(kind, now, origin.peer, origin.port, origin.request),
      mac: this.machineMac,
      milliseconds: Math.round(now - this.startedAt),
      ...(transfer !== undefined && {
        bytes: transfer.ackedBytes,
        blockBytes: transfer.terms.blockBytes,
        windowBlocks: transfer.terms.windowBlocks,
        repeatedBlocks: transfer.repeatedBlocks,
      }),
      ...(this.purpose !== undefined && { purpose: this.purpose }),
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
