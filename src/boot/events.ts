// The boot room's events.

import type { EventKind, RackEvent } from '../event.ts';

export const BOOT_EVENTS = {
  'boot.token-withheld': {
    level: 'warning',
    message: 'configuration sent without its secret',
    explanation:
      'A client asked for the configuration of a machine at work (machine) from an address that this machine does not hold by a lease of ' +
      'this rack. The configuration was sent without the token by which the region recognises the reports of that boot, so the client ' +
      'cannot report in the machine’s name. If it was the machine itself, it has its address from another DHCP server, or it booted ' +
      'from an interface that the region does not know: see `rackboot machines show`.',
  },
  'boot.not-at-home': {
    level: 'warning',
    message: 'a machine at work asked from a network that is not its home',
    explanation:
      'A client with the hardware address of a machine at work (machine) has a lease in one network (network), but the machine’s home is another ' +
      '(home). The configuration was sent without the boot’s token, so the client can neither read the machine’s instructions nor report in ' +
      'its name. If the machine was moved, tell the region: `rackboot machines move MACHINE RACK --network NETWORK`, then start it again. ' +
      'If it was not, a host of that network uses its hardware address.',
  },
  'boot.loader-loop': {
    level: 'warning',
    message: 'a loader started itself again and again',
    explanation:
      'A machine loaded the same loader (file) several times (loads) within ten minutes without ever asking for a configuration: it is iPXE, but ' +
      'Rackboot took it for the firmware that started it. It now gets iPXE’s script (instead) and so continues. Each of its boots repeats these ' +
      'rounds until the cause is fixed: use an iPXE that identifies itself in DHCP (user class iPXE, or option 175), or let `boot.loaders` ' +
      'name no loader for `ipxe`. Firmware that cannot start its loader at all, such as under Secure Boot, looks the same.',
  },
} as const satisfies Record<string, EventKind>;

/** An event of this room. */
export interface BootEvent extends RackEvent {
  readonly kind: keyof typeof BOOT_EVENTS;
  /** The hostname of the machine whose configuration was requested. */
  readonly machine?: string | undefined;
  /** The network of the request. */
  readonly network?: string | undefined;
  /** The machine's home network. */
  readonly home?: string | undefined;
  /** An address of the home network, if another rack serves it. */
  readonly homeAddress?: string | undefined;
  /** This rack. */
  readonly rack?: string | undefined;
  /** The loader that DHCP named. */
  readonly file?: string | undefined;
  /** The file that the rack names in place of that loader. */
  readonly instead?: string | undefined;
  /** How many times it was loaded. */
  readonly loads?: number | undefined;
}
