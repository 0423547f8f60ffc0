// The addresses that `rackboot doctor` and `rackboot init` use for their own questions: hardware
// addresses, which are locally administered and belong to no machine, and an address of loopback
// from which files of this host's rack are loaded.
//
// 1. If another host uses one, only its DISCOVER is hidden: once it takes a lease or loads a file
//    it is reported like any other host.

import { type Ipv4, ipv4, type MacAddress, mac } from './address.ts';
import type { RackEvent } from './event.ts';

/** The first of them; the last byte is the firmware's code. */
const FIRST_MAC = 0x02_72_61_63_6b_00;
const MAC_COUNT = 0x100;

/** The address for a question as firmware of this option 93 code, 0 to 255. */
export const probeMac = (architecture: number): MacAddress => mac(FIRST_MAC + architecture);

/**
 * The source of a check's loads from this host: 127.114.107.98. Only this host can use it (RFC 1122
 * §3.2.1.3).
 */
export const PROBE_SOURCE: Ipv4 = ipv4(0x7f_72_6b_62);

/** True for an address that a check uses. */
export const isProbeMac = (macAddress: MacAddress): boolean =>
  macAddress >= FIRST_MAC && macAddress < FIRST_MAC + MAC_COUNT;

/** True for an event of a check's own question or load, which belongs in no machine's timeline. */
export const isProbeEvent = ({ kind, mac: macAddress, address }: RackEvent): boolean =>
  macAddress === undefined
    ? address === PROBE_SOURCE && /^(?:boot|http|tftp)\./.test(kind)
    : isProbeMac(macAddress) && (kind === 'dhcp.offer' || kind === 'dhcp.refused');
