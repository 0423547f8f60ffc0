// An interface on which the net worker hears the wire: served, up, and with a hardware address.

import type { MacAddress } from '../../ground/address.ts';

export interface ServedInterface {
  readonly name: string;
  readonly index: number;
  readonly mac: MacAddress;
}
