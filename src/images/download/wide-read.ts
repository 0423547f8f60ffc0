// Reads the connection of an http URL in large pieces, and passes most of a body around the parser of node:http.
//
//   connection ─▶ buffer ─┬─▶ a copy ─▶ parser ─▶ message     the head, and the bytes that come with it
//                         └─▶ the listener of `divert`        the rest of the body
//
// Through the parser a body comes in pieces of 64 KiB, each in memory of its own, and takes 1.5 s of processor time per GB; around it 0.25 s
// (measured).
//
// Sources: Node's documentation of net.Socket (`onread`) and of http.Agent, which passes the options of a socket on.
//
// 1. A connection fills the buffer and passes it on before another one reads, so all connections of a thread share it. Its bytes are valid
//    only during the call.
// 2. Bytes go around the parser only when the message has passed on all earlier ones, so their order stays.
// 3. The parser then no longer sees where the body ends: the listener counts the bytes. So divert only a body with a Content-Length.

import type { IncomingMessage } from 'node:http';
import type { OnReadOpts, Socket } from 'node:net';
import { reclaim, viewBytes } from '../../net/borrowed-bytes.ts';

/** The most bytes of one read: they stay in the processor's cache until they are hashed and copied. */
const READ_BYTES = 256 * 1024;
const BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);

/** Receives bytes that are valid only during the call. */
type ByteListener = (bytes: Uint8Array) => void;

/** The reads of one connection. */
export class WideRead {
  #socket: Socket | undefined;
  #diverted: { readonly message: IncomingMessage; readonly listener: ByteListener } | undefined;

  /** The option of the connection. */
  readonly onread: OnReadOpts = {
    buffer: BUFFER,
    callback: (length, filled) => {
      this.#pass(viewBytes(filled, 0, length));
      return true;
    },
  };

  /** Call it before the first bytes arrive. */
  attach(socket: Socket): void {
    this.#socket = socket;
  }

  /** From now on passes the bytes of the body to the listener that do not come through the message. */
  divert(message: IncomingMessage, listener: ByteListener): void {
    this.#diverted = { message, listener };
  }

  #pass(bytes: Uint8Array): void {
    if (this.#diverted === undefined || this.#diverted.message.readableLength > 0) {
      this.#socket?.emit('data', Buffer.from(bytes));
      return;
    }
    this.#diverted.listener(bytes);
    reclaim(bytes);
  }
}
