// Sends the windows that sessions want sent, in turn.
// Sources: DESIGN.md 4; net/datagram.ts.
//
// 1. Each session has one place in the queue and sends one window when its turn comes: nobody waits for more than one window
//    of everybody else.
// 2. After SEND_BYTES_PER_TURN_MAX in one turn of the event loop, counted across all that wakes us in it, the rest waits for the next
//    turn, so that DHCP and DNS are answered between. A turn ends when what was set by setImmediate in it has run: libuv calls that right
//    after the sockets of the same turn, so what is left must wait for the call after the next look at the sockets.
// 3. Nothing here recurses: a file that is in memory is sent in a loop, one that is not puts its session back into the queue.
// 4. Sending may end the session: the kernel reports then that its client is gone. Nothing of a session is used after that.

import { counted } from '../counted.ts';
import { DATA_HEADER_BYTES, writeBlocks } from './packet.ts';
import type { BlocksToSend, Session } from './session.ts';
import { WINDOW_BYTES_MAX } from './terms.ts';

/**
 * Bytes after which nothing more is sent in a turn of the event loop; the window that reaches it is the last. Clients with large windows
 * fill it. The others notice that transfers slow down, while DHCP and DNS do not. It empties with the turn.
 */
export const SEND_BYTES_PER_TURN_MAX = 1024 * 1024;

/** What the sender tells its owner. */
export interface SenderEvents {
  /** The session's window has left. */
  readonly onLeft: (session: Session, blocks: BlocksToSend) => void;
  /** The session's content could not be read. */
  readonly onReadError: (session: Session, error: unknown) => void;
  /** Calls `action` at the end of this turn of the event loop; said there, at the end of the next. */
  readonly atTurnEnd: (action: () => void) => void;
}

/** The queue of windows. */
export class WindowSender {
  readonly #events: SenderEvents;
  /** A window is laid out here; sockets are done with it when they return. */
  readonly #bytes = new Uint8Array(WINDOW_BYTES_MAX);
  #sentInTurn = 0;
  #awaitsTurnEnd = false;
  #queue: Session[] = [];
  #first = 0;
  #draining = false;

  constructor(events: SenderEvents) {
    this.#events = events;
  }

  /** Queues the session, which has set `toSend`; it is sent by the next `drain`. */
  enqueue(session: Session): void {
    if (session.busy) return;
    session.busy = true;
    this.#queue.push(session);
  }

  /** Sends what is queued, as far as this turn allows. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    while (this.#sentInTurn < SEND_BYTES_PER_TURN_MAX) {
      const session = this.#queue[this.#first];
      if (session === undefined) break;
      this.#first += 1;
      this.#sendWindow(session);
    }
    // What was sent is gone from the front of the queue, so that it stays as short as the sessions are many.
    if (this.#first > 0) this.#queue = this.#first === this.#queue.length ? [] : this.#queue.slice(this.#first);
    this.#first = 0;
    this.#draining = false;
  }

  /** Counts what leaves in this turn. */
  #count(bytes: number): void {
    this.#sentInTurn += bytes;
    if (this.#awaitsTurnEnd) return;
    this.#awaitsTurnEnd = true;
    this.#events.atTurnEnd(() => this.#endTurn());
  }

  /** Sends what this turn still allows; the end of the next one goes on with what is left. */
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

  /** Puts the session back into the queue when its bytes are there: the cache hands them out at once then. */
  #await(session: Session, bytes: Promise<Uint8Array>): void {
    session.busy = true;
    const wanted = session.toSend;
    bytes.then(
      (read) => {
        session.busy = false;
        if (session.over) return;
        // Usually still what is wanted; it is sent as read, because a full cache may have dropped it again.
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
