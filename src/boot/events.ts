// What the boot room tells.

import type { EventKind, RackEvent } from '../event.ts';

export const BOOT_EVENTS = {
  'boot.token-withheld': {
    level: 'warning',
    message: 'configuration sent without its secret',
    explanation:
      'Somebody asked for the configuration of a machine that is at work (machine) from an address that this machine does not hold ' +
      'by a lease of this rack. The configuration was sent without the token by which the region knows the reports of that boot, so ' +
      'whoever asked cannot report in its name. If it was the machine itself, it has its address from another DHCP server, or it ' +
      'booted from an interface that the region does not know: see `rackboot machines show`.',
  },
  'boot.not-at-home': {
    level: 'warning',
    message: 'a machine at work asked from a network that is not its home',
    explanation:
      'Somebody with the hardware address of a machine that is at work (machine) has a lease in one network (network), while the machine is ' +
      'at home in another (home). The configuration was sent without the token of the boot, so whoever asked can neither read what the ' +
      'machine is told nor report in its name. If the machine was moved, say so: `rackboot machines move MACHINE RACK --network NETWORK`, then ' +
      'start it again. If it was not, a host of that network uses its hardware address.',
  },
  'boot.loader-loop': {
    level: 'warning',
    message: 'a loader started itself again and again',
    explanation:
      'A machine loaded the same loader (file) so often (loads) within ten minutes, and never asked for a configuration: it is iPXE, and ' +
      'was taken for the firmware that started it. It is told iPXE’s script (instead) now, and so gets on. Each of its boots goes the same ' +
      'rounds until the cause is mended: use an iPXE that says so in DHCP (user class iPXE, or option 175), or let `boot.loaders` name no ' +
      'loader for `ipxe`. Firmware that cannot start its loader at all, such as under Secure Boot, shows the same.',
  },
} as const satisfies Record<string, EventKind>;

/** An event of this room. */
export interface BootEvent extends RackEvent {
  readonly kind: keyof typeof BOOT_EVENTS;
  /** The hostname of the machine whose configuration it is. */
  readonly machine?: string | undefined;
  /** The network in which it was asked, the one where the machine is at home, and this rack. */
  readonly network?: string | undefined;
  readonly home?: string | undefined;
  readonly rack?: string | undefined;
  /** The loader that DHCP named, and what it names in its place. */
  readonly file?: string | undefined;
  readonly instead?: string | undefined;
  /** How often it was loaded. */
  readonly loads?: number | undefined;
}
