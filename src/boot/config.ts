// The resolved boot settings.

import type { Ipv4 } from '../ground/address.ts';
import type { ImportedName } from './imported-images.ts';
import type { Profile } from './profile.ts';
import type { QuirkRule } from './quirks.ts';

/** One `address:port` of the boot HTTP listener. */
export interface HttpEndpoint {
  readonly address: Ipv4;
  readonly port: number;
  /** True if another program may have it: then the listener goes on without. */
  readonly optional?: boolean | undefined;
  /** Over TLS. */
  readonly secure?: boolean | undefined;
}

export interface BootConfig {
  /** Directory of `arch/subarch/release/purpose`, absolute. */
  readonly tree: string;
  /**
   * Overrides of the built-in table: from an option 93 number as text, or `ipxe`, to a file name in
   * the tree or a URL.
   */
  readonly loaders: ReadonlyMap<string, string>;
  /** The operator's rules for machines with peculiar firmware; `undefined` if there are none. */
  readonly quirks?: readonly QuirkRule[] | undefined;
  /** Kernel arguments for every machine, as written. */
  readonly kernelParams: string;
  /** The release of the ephemeral environment, such as `bookworm`. */
  readonly commissioningRelease: string;
  /**
   * The system that a machine runs to enlist: our own environment, Debian's installer with a
   * preseed, or an imported system.
   */
  readonly enlistWith: 'environment' | 'installer' | ImportedName;
  /** True: a rack with a remote region copies the region's images into the tree. */
  readonly copiesImages: boolean;
  /** False: the agent leaves the BMC of an enlisting machine unchanged and reports only its address. */
  readonly bmcUser: boolean;
  /** `undefined`: none. */
  readonly profiles?: readonly Profile[] | undefined;
  /** How long a menu with the offered profiles waits. 0 or `undefined`: there is no menu. */
  readonly menuSeconds?: number | undefined;
  /** The endpoints of the boot HTTP listener without TLS. */
  readonly http: readonly HttpEndpoint[];
  /** Those over TLS, for firmware that boots by HTTP; `undefined`: none. */
  readonly https?: readonly HttpEndpoint[] | undefined;
}
