// Sends the sessions' windows in turn. Sources: docs/architecture.md ("The path of a datagram"); net/datagrams/datagram.ts.
//
// 1. Each session has one place in the queue and one window per turn.
// 2. After SEND_BYTES_PER_TURN_MAX in one turn of the event loop, the rest waits for the next, so that DHCP and DNS are answered. A turn
//    ends when its setImmediate callbacks have run. libuv runs these right after the poll of the sockets, so the rest waits for those after
//    the next poll.
// 3. Nothing recurses. A file in memory is sent in a loop; a session that waits for the disk is queued again afterwards.
// 4. Sending may end the session, if the kernel reports that its client is gone. Nothing of it is used after that.

import { counted } from '../counted.ts';
import { DATA_HEADER_BYTES, writeBlocks } from './packet.ts';
import type { BlocksToSend, Session } from './session.ts';
import { WINDOW_BYTES_MAX } from './terms.ts';

/**
 * Bytes sent in one turn of the event loop; the window that reaches the bound is the last. Clients with large windows fill it. Other clients
 * notice slower transfers; DHCP and DNS do not slow down. It empties with the turn.
 */
export const SEND_BYTES_PER_TURN_MAX = 1024 * 1024;

interface SenderEvents {
  readonly onLeft: (session: Session, blocks: BlocksToSend) => void;
  readonly onReadError: (session: Session, error: unknown) => void;
  /** Calls `action` at the end of this turn; if that end has already begun, at the end of the next. */
  readonly atTurnEnd: (action: () => void) => void;
}

export class WindowSender {
  readonly #events: SenderEvents;
  /** The buffer for one window; sockets no longer use it when `send` returns. */
  readonly #bytes = new Uint8Array(WINDOW_BYTES_MAX);
  #sentInTurn = 0;
  #awaitsTurnEnd = false;
  #queue: Session[] = [];
  #first = 0;
  #draining = false;

  constructor(events: SenderEvents) {
    this.#events = events;
  }

  /** Queues a session that has set `toSend`; the next `drain` sends it. */
  enqueue(session: Session): void {
    if (session.busy) return;
    session.busy = true;
    this.#queue.push(session);
  }

  /** Sends queued windows, as far as this turn allows. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    while (this.#sentInTurn < SEND_BYTES_PER_TURN_MAX) {
      const session = this.#queue[this.#first];
      if (session === undefined) break;
      this.#first += 1;
      this.#sendWindow(session);
    }
    // Drop sent entries, so that the queue never outgrows the number of sessions.
    if (this.#first > 0) this.#queue = this.#first === this.#queue.length ? [] : this.#queue.slice(this.#first);
    this.#first = 0;
    this.#draining = false;
  }

  #count(bytes: number): void {
    this.#sentInTurn += bytes;
    if (this.#awaitsTurnEnd) return;
    this.#awaitsTurnEnd = true;
    this.#events.atTurnEnd(() => this.#endTurn());
  }

  /** Sends what this turn still allows; the end of the next turn continues with the rest. */
  #endTurn(): void {
    this.drain();
    this.#sentInTurn = 0;
    this.#awaitsTurnEnd = this.#queue.length > 0;
    if (this.#awaitsTurnEnd) this.#events.atTurnEnd(() => this.#endTurn());
  }

  #sendWindow(session: Session): void {
    session.busy = false;
    const { toSend, content } = session;
    if (toSend === undefined || content === undefined || session.over) return;
    let bytes: Uint8Array | Promise<Uint8Array>;
    try {
      bytes = content.read(toSend.offset, toSend.length);
    } catch (error) {
      this.#events.onReadError(session, error);
      return;
    }
    if (bytes instanceof Uint8Array) this.#sendBlocks(session, toSend, bytes);
    else this.#await(session, bytes);
  }

  /** Queues the session again once its bytes are read: the cache then returns them at once. */
  #await(session: Session, bytes: Promise<Uint8Array>): void {
    session.busy = true;
    const wanted = session.toSend;
    bytes.then(
      (read) => {
        session.busy = false;
        if (session.over) return;
        // Send the bytes as read: a full cache may already have dropped them.
        if (wanted !== undefined && session.toSend === wanted && this.#sentInTurn < SEND_BYTES_PER_TURN_MAX) {
          this.#sendBlocks(session, wanted, read);
        } else this.enqueue(session);
        this.drain();
      },
      (error: unknown) => {
        session.busy = false;
        if (!session.over) this.#events.onReadError(session, error);
        this.drain();
      },
    );
  }

  #sendBlocks(session: Session, blocks: BlocksToSend, bytes: Uint8Array): void {
    const { transfer, socket, origin } = session;
    if (transfer === undefined || socket === undefined) return;
    if (bytes.length !== blocks.length) {
      this.#events.onReadError(
        session,
        new Error(`${counted(bytes.length, 'byte')} were read where ${blocks.length} were expected`),
      );
      return;
    }
    const { blockBytes } = transfer.terms;
    const end = writeBlocks(this.#bytes, 0, bytes, blocks.first, blocks.count, blockBytes);
    session.toSend = undefined;
    this.#count(end);
    socket.sendSegments(this.#bytes.subarray(0, end), blockBytes + DATA_HEADER_BYTES, origin.peer, origin.port);
    if (!session.over) this.#events.onLeft(session, blocks);
  }
}
