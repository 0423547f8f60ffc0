// One request from one client port, from its arrival to its end: the engine, what is being sent, and how it is told.
//
// 1. A session holds at most one window that waits to be sent and one read under way.
// 2. It is over once; what it held is closed then.

import { cleanText } from '../clean-text.ts';
import { type Instant, later } from '../clock.ts';
import type { Waiting } from '../deadline-queue.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';
import type { DatagramSocket } from '../net/datagram.ts';
import type { Content } from './content.ts';
import { FILE_CHARACTERS_MAX, type TftpEvent, type TftpEventKind } from './events.ts';
import type { Listener } from './listener.ts';
import type { TftpRequest } from './packet.ts';
import type { Seat, Seated } from './places.ts';
import type { Transfer, TransferAction } from './transfer.ts';

/** How long resolving and opening what was asked may take. */
export const OPEN_MS_MAX = 30_000;

/** Who asked what, and where it came in. */
export interface SessionOrigin {
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
  /** When the client was last heard. */
  heardAt: Instant;
  machineMac: MacAddress | undefined;
  /** What rendered text tells the machine to do. */
  purpose: string | undefined;
  content: Content | undefined;
  /** What carries this transfer alone; its port is the server's TID (RFC 1350 §4). Undefined before there is something to send. */
  socket: DatagramSocket | undefined;
  transfer: Transfer | undefined;
  /** The newer request of its client port, which takes its place with the first acknowledgement. */
  successor: Session | undefined;
  /** The transfer whose successor it is. */
  predecessor: Session | undefined;
  /** The window that is to be sent next; a newer one takes its place. */
  toSend: BlocksToSend | undefined;
  /** True while it stands in the sender's queue or waits for a read. */
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

  /** True until the client has answered anything. */
  get unanswered(): boolean {
    return this.transfer === undefined || this.transfer.unanswered;
  }

  /** When something has to happen; undefined when it is over. */
  get deadline(): Instant | undefined {
    if (this.#over) return undefined;
    return this.transfer === undefined ? later(this.startedAt, OPEN_MS_MAX) : this.transfer.deadline;
  }

  /** Ends it and closes what it holds. */
  end(): void {
    this.#over = true;
    this.toSend = undefined;
    this.content?.close();
  }

  /** Its event of this kind, with everything known. */
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

/** An event about a request; the name that was asked is clean in it. */
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

/** True when a client repeats the request it has made before. */
export function sameRequest(a: TftpRequest, b: TftpRequest): boolean {
  return (
    a.file === b.file &&
    a.mode === b.mode &&
    a.options.length === b.options.length &&
    a.options.every(({ name, value }, index) => name === b.options[index]?.name && value === b.options[index]?.value)
  );
}
