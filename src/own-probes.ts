// The hardware addresses in whose name `rackboot doctor` asks. They are locally administered, and belong to no machine.
//
// 1. Whoever else uses one is hidden as a DISCOVER only: as soon as it takes a lease or loads a file it is told of as any other host.

import type { RackEvent } from './event.ts';
import { type MacAddress, mac } from './net/address.ts';

/** The first of them; the last byte is the code of the firmware that is asked for. */
const FIRST = 0x02_72_61_63_6b_00;
const COUNT = 0x100;

/** The address that asks for firmware of this code of option 93, 0 to 255. */
export const probeMac = (architecture: number): MacAddress => mac(FIRST + architecture);

/** True for an address in whose name a check asks. */
export const isProbeMac = (asking: MacAddress): boolean => asking >= FIRST && asking < FIRST + COUNT;

/** True for what DHCP tells of a check's question: it is no machine's, and belongs in nobody's story. */
export const isOfProbe = ({ kind, mac: asking }: RackEvent): boolean =>
  asking !== undefined && isProbeMac(asking) && (kind === 'dhcp.offer' || kind === 'dhcp.refused');
