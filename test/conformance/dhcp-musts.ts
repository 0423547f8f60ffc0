// The demands of the RFCs of DHCP, sentence by sentence in our own words, and whether this server complies: met and shown by tests,
// departed from for a reason and shown by tests, or not a server's duty. dhcp-musts.test.ts checks the table, docs/dhcp-conformance.md
// is made from it.
//
// 1. Every MUST, MUST NOT, SHALL of RFC 2131 has a row, and so has every SHOULD that concerns servers.
// 2. Of the other RFCs the sections that this server uses have their rows.

import { RFC_2131_CLIENT_MUSTS } from './musts-2131-client.ts';
import { RFC_2131_SERVER_MUSTS } from './musts-2131-server.ts';
import { OPTION_MUSTS } from './musts-options.ts';
import { RELAY_MUSTS } from './musts-relays.ts';

/** A test: its file, from the root of the tree, and its name as it is written there. */
export interface Proof {
  readonly file: string;
  readonly name: string;
}

/** How this server stands to a demand. */
export type Verdict =
  | { readonly kind: 'met'; readonly tests: readonly Proof[] }
  | { readonly kind: 'departs'; readonly because: string; readonly tests: readonly Proof[] }
  | { readonly kind: 'not-ours'; readonly because: string };

/** One demand. */
export interface Must {
  readonly rfc: number;
  /** As the RFC numbers it, without the sign. */
  readonly section: string;
  readonly level: 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT';
  readonly demand: string;
  readonly verdict: Verdict;
}

/** Every row, by RFC and section. */
export const DHCP_MUSTS: readonly Must[] = [
  ...RFC_2131_SERVER_MUSTS,
  ...RFC_2131_CLIENT_MUSTS,
  ...OPTION_MUSTS,
  ...RELAY_MUSTS,
];
