// The forwarder's actions, as values: only the server touches a socket.

import type { CacheQuestion } from './cache.ts';
import type { DnsUpstream } from './config.ts';
import type { NameReport } from './events.ts';
import type { Reply } from './reply.ts';

/** `W` is what the server needs to answer a client. */
export type ForwardAction<W> =
  | { readonly kind: 'send'; readonly socket: number; readonly to: DnsUpstream; readonly bytes: Uint8Array }
  /** Connect, send, and pass the reply to `receiveStream`. */
  | { readonly kind: 'stream'; readonly exchange: number; readonly to: DnsUpstream; readonly bytes: Uint8Array }
  /** If it is still open. */
  | { readonly kind: 'close-stream'; readonly exchange: number }
  /** Without a reply, SERVFAIL. */
  | {
      readonly kind: 'finish';
      readonly question: CacheQuestion;
      readonly waiters: readonly W[];
      readonly reply: Reply | undefined;
    }
  | { readonly kind: 'report'; readonly report: NameReport };
