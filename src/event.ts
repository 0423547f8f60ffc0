// The common part of all events. Each room lists its own kinds in its `events.ts`. One stream of all events feeds the log, the timeline, the
// metrics and the region. Engines return events; `server.ts` publishes them after the effect succeeded.
//
// 1. A kind is a stable string, `room.what-happened`; renaming one breaks people's searches.
// 2. An event holds no secret.

import type { Instant } from './clock.ts';
import type { Ipv4, MacAddress } from './net/address.ts';

export type EventLevel = 'debug' | 'info' | 'warning' | 'error';

/** One event. Rooms extend it with the fields an operator acts on: numbers, strings, booleans, no nested objects. */
export interface RackEvent {
  readonly kind: string;
  readonly at: Instant;
  /** The machine it concerns, when known. */
  readonly mac?: MacAddress | undefined;
  /** The machine's address, when known. */
  readonly address?: Ipv4 | undefined;
  /** How many occurrences a sampled event stands for (`rate-limit.ts`); undefined: one. */
  readonly count?: number | undefined;
}

/** An event kind as the operator sees it: the level of its log line, its message and its explanation. */
export interface EventKind {
  readonly level: EventLevel;
  /** The log line's message: a few words, no values. */
  readonly message: string;
  /** A paragraph: what happened, what follows from it, what to do. */
  readonly explanation: string;
}

/** Where events go. Never throws, never blocks. */
export type Publish = (event: RackEvent) => void;
