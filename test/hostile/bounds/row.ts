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

/** A bound that somebody else than the operator can hold or fill. Its value is read from the code. */
export interface HeldBound {
  /** The file below `src`, a space, and the name: `dns/forward.ts FLIGHTS_MAX`. */
  readonly at: string;
  /** What is counted. */
  readonly what: string;
  readonly whoCanFill: string;
  /** What everybody else notices while it is full. */
  readonly whatOthersNotice: string;
  readonly howItEmpties: string;
  /** What one client, address or network may have of it, or why nothing of the kind is needed. */
  readonly share: string;
  /** The test that fills it, below `test`; left out: there is none of its own. */
  readonly test?: string;
}
