// Reads the first part of a request's body before the request takes a place with the region: whoever sends slowly, or never, keeps
// nobody else out. A small body is there whole then; of a larger one the rest is passed on as it comes.
//
//   announced ─▶ reading ─┬─ its end ───────────────────────▶ whole
//                         ├─ SMALL_BODY_BYTES_MAX ──────────▶ begun (the request is paused)
//                         ├─ others need the place more ────▶ refused
//                         └─ the sender is gone ────────────▶ gone
//
// 1. At most ARRIVING_MAX × SMALL_BODY_BYTES_MAX (16 MiB, and a chunk of each) is held here. `net/connection-shares.ts` ends what stops.
// 2. A chunk of node:http has memory of its own, which nothing overwrites: it is kept without a copy.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { FairShares, type Place } from '../fair-shares.ts';
import type { Ipv4 } from '../net/address.ts';
import { onGone } from './send.ts';

/** So much of a body is read before its request takes a place with the region, in bytes. */
export const SMALL_BODY_BYTES_MAX = 64 * 1024;
/**
 * Bodies that are read so at a time. Anybody can fill it; at the bound whoever reads most at a time loses one to each newcomer (503), so
 * others notice nothing. It empties as bodies arrive, and a body that stops coming is ended within 11 s.
 */
export const ARRIVING_MAX = 256;

/** What of a body is there. */
export type ArrivedBody =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  /** More of it comes: read the request for the rest. */
  | { readonly kind: 'begun'; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'refused' }
  | { readonly kind: 'gone' };

/** True for a request that announces a body. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** The places of the bodies that are being read. */
export class BodyArrivals {
  readonly #places = new FairShares<() => void>({ max: ARRIVING_MAX });

  /** Reads the first part of a body. Never rejects. */
  read(request: IncomingMessage, response: ServerResponse, peer: Ipv4): Promise<ArrivedBody> {
    return new Promise((resolve) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      let place: Place<() => void> | undefined;
      const end = (body: ArrivedBody): void => {
        if (place !== undefined) this.#places.release(place);
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
      const admission = this.#places.admit(peer, () => end({ kind: 'refused' }));
      if (admission.kind === 'refused') {
        end({ kind: 'refused' });
        return;
      }
      place = admission.place;
      admission.evicted?.();
      request.on('data', take).on('end', whole).on('error', gone);
    });
  }
}
