// The TFTP settings as used, after the configuration file was resolved.

import type { Ipv4 } from '../net/address.ts';

export interface TftpConfig {
  /** Local addresses to listen on; empty: no TFTP. */
  readonly listen: readonly Ipv4[];
  readonly listenPort: number;
}
