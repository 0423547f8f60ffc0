// A scan of networks by the rack of the region's process. Types only.

/** The addresses that a rack asks for, and how fast. */
export interface NetworkScan {
  /** Each within a network that the rack serves: `10.20.0.0/24`. */
  readonly networks: readonly string[];
  /** Addresses asked for at the same time. */
  readonly atOnce: number;
  /** True: a few addresses a second. */
  readonly isSlow: boolean;
}

/**
 * The outcome of the request for a scan.
 * - `started`: it runs, and what it finds is reported. - `running`: an earlier one is not finished.
 * - `unheard`: the rack cannot ask by ARP on any interface of these networks. - `silent`: the rack
 *   did not answer.
 */
export type ScanOutcome = 'started' | 'running' | 'unheard' | 'silent';
