// What every event has in common. Each room lists its own kinds in its `events.ts`; the stream of all of them feeds the log,
// the timeline, the metrics and the region. Engines return events; `server.ts` publishes them after the effect succeeded.
//
// 1. A kind is a stable string, `room.what-happened`; renaming one breaks people's searches.
// 2. An event holds no secret.

import type { Instant } from './clock.ts';
import type { Ipv4, MacAddress } from './net/address.ts';

export type EventLevel = 'debug' | 'info' | 'warning' | 'error';

/** One thing that happened. Rooms extend it with the fields to act on: numbers, strings, booleans, no nested objects. */
export interface RackEvent {
  readonly kind: string;
  readonly at: Instant;
  /** The machine it concerns, when known. */
  readonly mac?: MacAddress | undefined;
  /** The machine's address, when known. */
  readonly address?: Ipv4 | undefined;
  /** How many happenings a sampled event stands for (`rate-limit.ts`); undefined: one. */
  readonly count?: number | undefined;
}

/** What an operator is told of a kind: the level of its log line, and what happened and what to do about it. */
export interface EventKind {
  readonly level: EventLevel;
  /** The log line's message: a few words, no values. */
  readonly message: string;
  /** A paragraph: what happened, what follows, what to do. */
  readonly explanation: string;
}

/** Where events go. Never throws, never blocks. */
export type Publish = (event: RackEvent) => void;
