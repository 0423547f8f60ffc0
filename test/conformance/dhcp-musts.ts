// The demands of the RFCs of DHCP, sentence by sentence in our own words, and whether this server complies: met or, for a
// reason, departed from, and shown by tests. dhcp-musts.test.ts checks the table, docs/reference/dhcp-conformance.md
// is made from it.
//
// 1. Every MUST, MUST NOT, SHALL and SHOULD of RFC 2131 that concerns servers has a row.
// 2. Of the other RFCs the sections that this server uses have their rows.

import type { Must } from './must-rows.ts';
import { RFC_2131_MUSTS } from './musts-2131.ts';
import { OPTION_MUSTS } from './musts-options.ts';
import { RELAY_MUSTS } from './musts-relays.ts';

/** Every row, by RFC and section. */
export const DHCP_MUSTS: readonly Must[] = [...RFC_2131_MUSTS, ...OPTION_MUSTS, ...RELAY_MUSTS];
