// The demands of the RFCs of DHCP, sentence by sentence in our own words, and whether this server complies: met and shown by tests,
// departed from for a reason and shown by tests, or not a server's duty. dhcp-musts.test.ts checks the table, docs/reference/dhcp-conformance.md
// is made from it.
//
// 1. Every MUST, MUST NOT, SHALL of RFC 2131 has a row, and so has every SHOULD that concerns servers.
// 2. Of the other RFCs the sections that this server uses have their rows.

import type { Must } from './must.ts';
import { RFC_2131_CLIENT_MUSTS } from './musts-2131-client.ts';
import { RFC_2131_SERVER_MUSTS } from './musts-2131-server.ts';
import { OPTION_MUSTS } from './musts-options.ts';
import { RELAY_MUSTS } from './musts-relays.ts';

/** Every row, by RFC and section. */
export const DHCP_MUSTS: readonly Must[] = [
  ...RFC_2131_SERVER_MUSTS,
  ...RFC_2131_CLIENT_MUSTS,
  ...OPTION_MUSTS,
  ...RELAY_MUSTS,
];
