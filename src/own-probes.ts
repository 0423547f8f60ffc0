// The hardware addresses that `rackboot doctor` and `rackboot init` use for their own questions. They are locally administered and belong to no machine.
//
// 1. If another host uses one, only its DISCOVER is hidden: once it takes a lease or loads a file it is reported like any other host.

import type { RackEvent } from './event.ts';
import { type MacAddress, mac } from './net/address.ts';

/** The first of them; the last byte is the firmware's code. */
const FIRST = 0x02_72_61_63_6b_00;
const COUNT = 0x100;

/** The address for a question as firmware of this option 93 code, 0 to 255. */
export const probeMac = (architecture: number): MacAddress => mac(FIRST + architecture);

/** True for an address that a check uses. */
export const isProbeMac = (asking: MacAddress): boolean => asking >= FIRST && asking < FIRST + COUNT;

/** True for a DHCP event of a check's own question, which belongs in no machine's timeline. */
export const isOfProbe = ({ kind, mac: asking }: RackEvent): boolean =>
  asking !== undefined && isProbeMac(asking) && (kind === 'dhcp.offer' || kind === 'dhcp.refused');
