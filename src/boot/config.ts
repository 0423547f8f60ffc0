// The boot settings as used, after the configuration file was resolved.

import type { Ipv4 } from '../net/address.ts';
import type { QuirkRule } from './quirks.ts';

/** One `address:port` of the boot HTTP listener. */
export interface HttpEndpoint {
  readonly address: Ipv4;
  readonly port: number;
}

export interface BootConfig {
  /** Directory of `arch/subarch/release/purpose`, absolute. */
  readonly tree: string;
  /** Overrides of the built-in table: option 93 number as text, or `ipxe`, to a file name in the tree or a URL. */
  readonly loaders: ReadonlyMap<string, string>;
  /** What the operator says of machines with a peculiar firmware; undefined: nothing. */
  readonly quirks?: readonly QuirkRule[] | undefined;
  /** Kernel arguments for every machine, as written. */
  readonly kernelParams: string;
  /** The release of the ephemeral environment and its architecture default: `bookworm`. */
  readonly commissioningRelease: string;
  /** What a machine runs to report itself: our own environment, or Debian's installer with a preseed. */
  readonly enlistWith: 'environment' | 'installer';
  /** False: the BMC of a machine that enlists stays as it is, and the region is told its address only. */
  readonly bmcUser: boolean;
  /** Where the boot HTTP listener is. */
  readonly http: readonly HttpEndpoint[];
}
