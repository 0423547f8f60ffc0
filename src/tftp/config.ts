// The TFTP settings as used, after the configuration file was resolved.

import type { Ipv4, Ipv4Network } from '../ground/address.ts';

export interface TftpConfig {
  /** Local addresses to listen on; empty: no TFTP. */
  readonly listen: readonly Ipv4[];
  readonly listenPort: number;
  /**
   * The clients that are answered: every configured network, loopback and what `allow` adds. This
   * host itself is always answered.
   */
  readonly clients: readonly Ipv4Network[];
}
