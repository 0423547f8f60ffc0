// Every bound that an outside client can hold or fill, by door. `docs/reference/bounds.md` is made from the rows.

import { DHCP_BOUNDS } from './bounds/dhcp.ts';
import { DNS_BOUNDS } from './bounds/dns.ts';
import { HTTP_BOUNDS } from './bounds/http.ts';
import { IMAGE_BOUNDS } from './bounds/images.ts';
import { JOURNAL_BOUNDS } from './bounds/journal.ts';
import { LAYOUT_BOUNDS } from './bounds/layouts.ts';
import { NET_BOUNDS } from './bounds/net.ts';
import { NETWORK_BOUNDS } from './bounds/networks.ts';
import { POWER_BOUNDS } from './bounds/power.ts';
import { REGION_BOUNDS } from './bounds/region.ts';
import type { Door, HeldBound } from './bounds/row.ts';
import { TFTP_BOUNDS, TREE_BOUNDS } from './bounds/tftp.ts';
import { UPLINK_BOUNDS } from './bounds/uplink.ts';

/** The rows of each door, in the order of the document. */
export const HELD: Readonly<Record<Door, readonly HeldBound[]>> = {
  DHCP: DHCP_BOUNDS,
  TFTP: TFTP_BOUNDS,
  'Boot tree': TREE_BOUNDS,
  DNS: DNS_BOUNDS,
  'Boot HTTP': HTTP_BOUNDS,
  'Region: API and page': [...REGION_BOUNDS, ...LAYOUT_BOUNDS, ...NETWORK_BOUNDS],
  'Uplink and racks': UPLINK_BOUNDS,
  Power: POWER_BOUNDS,
  Images: IMAGE_BOUNDS,
  'Journal and events': JOURNAL_BOUNDS,
  Net: NET_BOUNDS,
};
