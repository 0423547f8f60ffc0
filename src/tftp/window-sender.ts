// Sends the windows that sessions want sent, in turn.
// Sources: DESIGN.md 4; net/datagram.ts.
//
// 1. Each session has one place in the queue and sends one window when its turn comes: nobody waits for more than one window
//    of everybody else.
// 2. After SEND_BYTES_PER_TURN_MAX the rest waits for the next turn of the event loop, so that DHCP and DNS are answered between.
// 3. Single blocks of one turn leave together; a window of several blocks leaves in one call.
// 4. Nothing here recurses: a file that is in memory is sent in a loop, one that is not puts its session back into the queue.

import type { DatagramSocket, OutgoingDatagram } from '../net/datagram.ts';
import { DATA_HEADER_BYTES, writeBlocks } from './packet.ts';
import type { BlocksToSend, Session } from './session.ts';
import { WINDOW_BYTES_MAX } from './terms.ts';

/** The most bytes that are sent in one turn of the event loop. */
export const SEND_BYTES_PER_TURN_MAX = 1024 * 1024;

/** What the sender tells its owner. */
export interface SenderEvents {
  /** The session's window has left. */
  readonly onLeft: (session: Session, blocks: BlocksToSend) => void;
  /** The session's content could not be read. */
  readonly onReadError: (session: Session, error: unknown) => void;
  /** Calls `action` in the next turn of the event loop. */
  readonly inNextTurn: (action: () => void) => void;
}

/** The queue of windows. */
export class WindowSender {
  readonly #events: SenderEvents;
  /** Everything sent in one turn is laid out here; sockets are done with it when they return. */
  readonly #bytes = new Uint8Array(SEND_BYTES_PER_TURN_MAX + WINDOW_BYTES_MAX);
  #used = 0;
  #queue: Session[] = [];
  #first = 0;
  readonly #single = new Map<DatagramSocket, OutgoingDatagram[]>();
  #waitsForTurn = false;
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

  /** Sends a small packet together with the blocks of this turn. */
  sendPacket(session: Session, bytes: Uint8Array): void {
    const { socket, peer, port } = session.origin;
    this.#together(socket, { bytes, to: { kind: 'unicast', address: peer, port } });
  }

  /** Sends what is queued, as far as this turn allows. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    while (!this.#waitsForTurn) {
      const session = this.#queue[this.#first];
      if (session === undefined) break;
      this.#first += 1;
      this.#sendWindow(session);
      if (this.#used >= SEND_BYTES_PER_TURN_MAX) this.#waitForTurn();
    }
    if (this.#first === this.#queue.length) {
      this.#queue = [];
      this.#first = 0;
    }
    this.#flush();
    this.#draining = false;
  }

  #waitForTurn(): void {
    this.#waitsForTurn = true;
    // What was sent is gone from the front of the queue, so that it stays as short as the sessions are many.
    this.#queue = this.#queue.slice(this.#first);
    this.#first = 0;
    this.#events.inNextTurn(() => {
      this.#waitsForTurn = false;
      this.drain();
    });
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
        if (wanted !== undefined && session.toSend === wanted && !this.#waitsForTurn) {
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
    const { transfer, origin } = session;
    if (transfer === undefined) return;
    if (bytes.length !== blocks.length) {
      this.#events.onReadError(
        session,
        new Error(`${bytes.length} bytes were read where ${blocks.length} were expected`),
      );
      return;
    }
    const { blockBytes } = transfer.terms;
    const start = this.#used;
    this.#used = writeBlocks(this.#bytes, start, bytes, blocks.first, blocks.count, blockBytes);
    const packets = this.#bytes.subarray(start, this.#used);
    if (blocks.count === 1) {
      this.#together(origin.socket, {
        bytes: packets,
        to: { kind: 'unicast', address: origin.peer, port: origin.port },
      });
    } else {
      origin.socket.sendSegments(packets, blockBytes + DATA_HEADER_BYTES, origin.peer, origin.port);
    }
    session.toSend = undefined;
    this.#events.onLeft(session, blocks);
  }

  #together(socket: DatagramSocket, datagram: OutgoingDatagram): void {
    const datagrams = this.#single.get(socket);
    if (datagrams === undefined) this.#single.set(socket, [datagram]);
    else datagrams.push(datagram);
  }

  #flush(): void {
    for (const [socket, datagrams] of this.#single) socket.send(datagrams);
    this.#single.clear();
    this.#used = 0;
  }
}
