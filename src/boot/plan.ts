// What should this machine load next? Answered once, method, server and path together, for DHCP, TFTP and HTTP alike.

import type { Ipv4, MacAddress } from '../net/address.ts';
import type { BootClient } from './client.ts';

export interface BootQuery {
  readonly client: BootClient;
  readonly mac: MacAddress;
  /** The rack's own address in the machine's network. */
  readonly serverAddress: Ipv4;
}

/** The boot fields of a DHCP reply. */
export interface BootPlan {
  /** `siaddr` and option 66: where a bare file name is fetched from. */
  readonly serverAddress: Ipv4;
  /** `file` and option 67: a name in the tree, or an absolute URL. */
  readonly file: string;
  /** Option 210: prefix of what pxelinux asks next; undefined: none. */
  readonly pathPrefix?: string | undefined;
  /** Option 60 of the reply; undefined: echo what PXE wants (`PXEClient`) or nothing. */
  readonly vendorClass?: string | undefined;
  /** Why this file: for the timeline. */
  readonly reason: string;
}
