// What boot clients showed in their DHCP requests. Most loaders ask for their configuration only by
// hardware address; the UUID still identifies a machine in use that boots from a new card, and the
// CPU chooses the image of an unknown one whose loader does not say it.
//
// 1. Signs of the region's machines, of other known clients and of unknown clients are kept
//    separately (`net/shares/kept-apart.ts`).

import type { MacAddress } from '../ground/address.ts';
import { type Owner, RankedTable } from '../net/shares/kept-apart.ts';
import type { Cpu } from './architectures.ts';

export interface BootSigns {
  readonly uuid?: string | undefined;
  /** `undefined` for a BIOS, which runs on both kinds of x86. */
  readonly cpu?: Cpu | undefined;
  /** True for iPXE that runs the rack's scripts. It starts other loaders without a request of theirs. */
  readonly isIpxe?: boolean | undefined;
  /** True for U-Boot, which asks for pxelinux's configurations on x86, too. */
  readonly isUBoot?: boolean | undefined;
}

/**
 * Signs of each rank. Unknown clients fill theirs by inventing hardware addresses, but evict only
 * each other's: the machines of the region have a higher rank. The next boot sends them again.
 */
export const SIGNS_MAX = 4096;

export class ShownSigns {
  readonly #byMac = new RankedTable<MacAddress, BootSigns>(SIGNS_MAX);

  /** Remembers a boot client's signs; a client without any is forgotten. */
  remember(mac: MacAddress, signs: BootSigns, owner: Owner): void {
    const { uuid, cpu, isIpxe = false, isUBoot = false } = signs;
    if (uuid === undefined && cpu === undefined && !isIpxe && !isUBoot) this.#byMac.delete(mac);
    else this.#byMac.set(mac, signs, owner);
  }

  find(mac: MacAddress): BootSigns | undefined {
    return this.#byMac.get(mac);
  }
}
