// Reads the first part of a request's body before the request takes a place at the region, so that
// a slow or silent sender blocks no other. By then a small body is complete; the rest of a larger
// one is passed on as it arrives.
//
//   announced ─▶ has a place ─▶ reading ─┬─ its end ──────────────────────▶ whole
//           └─▶ none ─▶ refused          ├─ SMALL_BODY_BYTES_MAX ─────────▶ begun (the request is paused)
//                                        ├─ other senders need the place ──▶ refused
//                                        └─ the sender is gone ───────────▶ gone
//
// 1. At most ARRIVING_MAX × SMALL_BODY_BYTES_MAX (16 MiB, and a chunk each) is held here.
//    `net/shares/body-places.ts` decides who gets a place; `net/shares/connection-shares.ts` ends
//    stalled connections.
// 2. A chunk from node:http has its own memory, which nothing overwrites, so it is kept without a copy.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ipv4 } from '../ground/address.ts';
import type { Clock } from '../ground/clock.ts';
import { BodyPlaces, createPlacedClient } from '../net/shares/body-places.ts';
import { isGone, onGone } from './send.ts';

/** How much of a body is read before its request takes a place at the region, in bytes. */
const SMALL_BODY_BYTES_MAX = 64 * 1024;
/**
 * Bodies read this way at a time. That many hosts can fill it; at the bound a sender that holds too
 * many places, or is late, loses one to a newcomer (503), so others wait some seconds at most. It
 * empties as bodies arrive; a stalled one is ended within 11 s.
 */
export const ARRIVING_MAX = 256;

/** The part of a body that has arrived. */
type ArrivedBody =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  /** More follows: read the request for the rest. */
  | { readonly kind: 'begun'; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'refused' }
  | { readonly kind: 'gone' };

/** The places for bodies being read. */
export class BodyArrivals {
  readonly #places: BodyPlaces;

  constructor(clock: Clock) {
    this.#places = new BodyPlaces(clock, ARRIVING_MAX);
  }

  /** Reads the first part of a body once it has a place. Never rejects. */
  async read(request: IncomingMessage, response: ServerResponse, peer: Ipv4): Promise<ArrivedBody> {
    const place = await this.#places.take(peer, createPlacedClient(request, response));
    if (place === 'refused' || place === 'gone') return { kind: place };
    try {
      return isGone(response) ? { kind: 'gone' } : await readFirst(request, response, place.whenLost);
    } finally {
      place.release();
    }
  }
}

function readFirst(request: IncomingMessage, response: ServerResponse, lost: Promise<'lost'>): Promise<ArrivedBody> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const end = (body: ArrivedBody): void => {
      forget();
      request.off('data', take).off('end', whole).off('error', gone);
      resolve(body);
    };
    const take = (chunk: Uint8Array): void => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes < SMALL_BODY_BYTES_MAX) return;
      request.pause();
      end({ kind: 'begun', chunks });
    };
    const whole = (): void => end({ kind: 'whole', bytes: Buffer.concat(chunks) });
    const gone = (): void => end({ kind: 'gone' });
    const forget = onGone(response, gone);
    void lost.then(() => end({ kind: 'refused' }));
    request.on('data', take).on('end', whole).on('error', gone);
  });
}
