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
  | 'Images'
  | 'Journal and events'
  | 'Net';

/** The harm of a full bound to clients that did not fill it. */
type Harm =
  /** Logs, pages, commands and the recognition of machines know less. Or clients wait, or ask again and are served. */
  | { readonly harm: 'reported' | 'waits' }
  /** Clients do not get what they ask for while it lasts. */
  | {
      readonly harm: 'refused';
      /** What an operator can do about it. */
      readonly stoppedBy: string;
    };

/** What the document says of a bound. */
export type BoundFacts = Harm & {
  /** The things that are counted. */
  readonly what: string;
  readonly whoCanFill: string;
  /** The effect on other clients while it is full. */
  readonly whatOthersNotice: string;
  readonly howItEmpties: string;
  /** The share of one client, address or network, or the reason why it needs none. */
  readonly share: string;
  /** The test that fills it, below `test`; left out if it has none of its own. */
  readonly test?: string;
};

/** A bound that clients other than the operator can fill, and others notice. Its value is read from the code. */
export type HeldBound = BoundFacts & {
  /** The file below `src`, a space, and the name: `dns/forward.ts FLIGHTS_MAX`. */
  readonly at: string;
};
