// One row of the table of bounds.

/** The door by which the bound can be reached. */
export type Door =
  | 'DHCP'
  | 'TFTP'
  | 'Boot tree'
  | 'DNS'
  | 'Boot HTTP'
  | 'Region: API and page'
  | 'Uplink and racks'
  | 'Power'
  | 'Journal and events'
  | 'Net';

/** What a full bound does to clients that did not fill it, the least first. */
export type Harm =
  /** Logs, pages, commands and the recognition of machines know less. */
  | { readonly kind: 'reported' }
  /** Clients wait, or ask again and are served. */
  | { readonly kind: 'waits' }
  /** Clients do not get what they ask for while it lasts; what an operator can do about it. */
  | { readonly kind: 'refused'; readonly stoppedBy: string };

/** A bound that clients other than the operator can hold or fill. Its value is read from the code. */
export interface HeldBound {
  /** The file below `src`, a space, and the name: `dns/forward.ts FLIGHTS_MAX`. */
  readonly at: string;
  /** What is counted. */
  readonly what: string;
  readonly whoCanFill: string;
  /** What other clients notice while it is full. */
  readonly whatOthersNotice: string;
  /** Left out: others notice nothing. */
  readonly harm?: Harm;
  readonly howItEmpties: string;
  /** What one client, address or network may have of it, or why it needs no share. */
  readonly share: string;
  /** The test that fills it, below `test`; left out if it has none of its own. */
  readonly test?: string;
  /** Without the bound, the test hangs: the bound prevents a client from waiting forever. */
  readonly hangs?: true;
}
