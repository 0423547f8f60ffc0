// The requests of an HTTP server: joins the pieces of a body, and bounds their number. Sources: RFC
// 9112 §7.1 (chunks of any size); node:http's options (`IncomingMessage`); node:stream
// (`readable.push`).
//
// 1. node:http makes a Buffer of a kilobyte even for a chunk of one octet. Small chunks that arrive
//    together become one Buffer, so octets bound what waits unread. Like a Buffer of node:http, it
//    is never overwritten.
// 2. Each piece costs a microsecond: a body in tiny pieces is cut off (TINY_PIECES).
// 3. The slab holds the pieces of one request at a time, until the turn ends or pieces of another
//    request arrive.

import { IncomingMessage, type ServerOptions } from 'node:http';
import { copyBytes } from '../../ground/borrowed-bytes.ts';

/** The least average octets per piece, from PIECES_JUDGED pieces on. */
const PIECE_OCTETS_MIN = 32;
/** Pieces of a body that pass unjudged: a body sent by hand or line by line has fewer. */
export const PIECES_JUDGED = 1024;
/** The event for a body in tiny pieces, whose remainder is dropped. */
export const TINY_PIECES = 'tiny-pieces';

const slab = Buffer.allocUnsafeSlow(64 * 1024);
/** Larger pieces are passed on as they are. */
const JOINED_OCTETS_MAX = 1024;
let filledOctets = 0;
let owner: JoinedRequest | undefined;

function flush(): void {
  if (owner === undefined) return;
  const [slabOwner, octets] = [owner, copyBytes(slab, 0, filledOctets)];
  [owner, filledOctets] = [undefined, 0];
  slabOwner.pass(octets);
}

class JoinedRequest extends IncomingMessage {
  #pieces = 0;
  #octets = 0;

  /** Called by node:http, with `null` at the end. @returns false if nothing more is wanted for now */
  override push(piece: Uint8Array | null): boolean {
    if (piece !== null && this.#isTiny(piece.length)) return false;
    const isJoined = piece !== null && piece.length <= JOINED_OCTETS_MAX;
    if (owner !== this || !isJoined || filledOctets + piece.length > slab.length) flush();
    if (!isJoined) return this.pass(piece);
    if (owner === undefined) setImmediate(flush);
    owner = this;
    slab.set(piece, filledOctets);
    filledOctets += piece.length;
    return this.readableLength + filledOctets < this.readableHighWaterMark;
  }

  pass(octets: Uint8Array | null): boolean {
    return super.push(octets);
  }

  #isTiny(octets: number): boolean {
    this.#pieces += 1;
    this.#octets += octets;
    const isTiny = this.#pieces >= PIECES_JUDGED && this.#octets < this.#pieces * PIECE_OCTETS_MIN;
    if (isTiny) this.emit(TINY_PIECES);
    return isTiny;
  }
}

/** Options for every server behind `ConnectionShares`. */
export const JOINED_REQUEST_OPTIONS: Pick<ServerOptions, 'IncomingMessage'> = { IncomingMessage: JoinedRequest };
