// What a host should know whose sockets believe reports of a small MTU. Sources: RFC 1191 §4, ip(7), ip-sysctl (ip_no_pmtu_disc).

import { readFileSync } from 'node:fs';

/** The setting by which the kernel discards the reports by itself, for every socket of the host. */
export const MTU_REPORTS_SETTING = 'net.ipv4.ip_no_pmtu_disc=2';

/** Said where sockets cannot be told to take no notice of such reports. */
export const MTU_REPORTS_NOTE = `A single forged ICMP message that reports a small MTU makes replies to a client leave in fragments for 10 minutes, which many loaders cannot put together, because sockets cannot be told here to ignore it: sysctl -w ${MTU_REPORTS_SETTING}.`;

const SETTING_FILE = '/proc/sys/net/ipv4/ip_no_pmtu_disc';

/** Whether this host believes such a report for a socket that says nothing of it: with 2 the kernel discards it. */
export function believesMtuReports(): boolean {
  try {
    return Number(readFileSync(SETTING_FILE, 'utf8')) !== 2;
  } catch {
    // It cannot be seen: as where nobody has set it.
    return true;
  }
}
