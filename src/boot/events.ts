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
} as const satisfies Record<string, EventKind>;

/** An event of this room. */
export interface BootEvent extends RackEvent {
  readonly kind: keyof typeof BOOT_EVENTS;
  /** The hostname of the machine whose configuration it is. */
  readonly machine: string;
}
