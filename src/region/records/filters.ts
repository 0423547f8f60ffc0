// Selections of machines and events, for the lists of the store.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { MachineEventLevel } from './machine-event.ts';

/** Each given list narrows it; an empty list selects nothing. */
export interface MachineFilter {
  readonly systemIds?: readonly string[] | undefined;
  readonly hostnames?: readonly string[] | undefined;
  readonly macs?: readonly MacAddress[] | undefined;
  readonly statuses?: readonly MachineStatus[] | undefined;
  /** Last seen with one of these addresses. */
  readonly seenAt?: readonly Ipv4[] | undefined;
  readonly owners?: readonly string[] | undefined;
  readonly domains?: readonly string[] | undefined;
  /** Allocated under one of these names. */
  readonly agentNames?: readonly string[] | undefined;
  /** In one of these zones, by id; 0: the default one. Likewise pools. */
  readonly zoneIds?: readonly number[] | undefined;
  readonly poolIds?: readonly number[] | undefined;
  /** True: devices instead of machines; `either`: both. */
  readonly isDevice?: boolean | 'either' | undefined;
  /** Devices that belong to one of these machines. */
  readonly parents?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** A selection of events; newest first. */
export interface EventFilter {
  readonly machines?: MachineFilter | undefined;
  /** This level and above; `audit`: only audit events. */
  readonly level?: MachineEventLevel | undefined;
  /** True to leave out DEBUG and include audit events. */
  readonly isQuiet?: boolean | undefined;
  readonly usernames?: readonly string[] | undefined;
  /** Only events that happened at or after this wall time in milliseconds; racks report some of them late. */
  readonly sinceMs?: number | undefined;
  /** Only events that happened at or before it. */
  readonly untilMs?: number | undefined;
  /** Only ids above this. */
  readonly after?: number | undefined;
  /** Only ids below this. */
  readonly before?: number | undefined;
  /** The end of a forward page, which begins after `after`. */
  readonly upTo?: number | undefined;
  readonly limit: number;
}
