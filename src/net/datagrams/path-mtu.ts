// The note for a host whose sockets believe reports of a small MTU. Sources: RFC 1191 §4, ip(7), ip-sysctl (ip_no_pmtu_disc).

import { readFileSync } from 'node:fs';
import type { HostNote } from '../host-note.ts';

/** The setting that makes the kernel discard such reports for every socket of the host. */
export const MTU_REPORTS_SETTING = 'net.ipv4.ip_no_pmtu_disc=2';

/** The note if sockets cannot be made to ignore such reports. */
export const MTU_REPORTS_NOTE: HostNote = { note: 'mtu-reports-believed', setting: MTU_REPORTS_SETTING };

const SETTING_FILE = '/proc/sys/net/ipv4/ip_no_pmtu_disc';

/** True if this host believes such reports by default; with 2 the kernel discards them. */
export function believesMtuReports(): boolean {
  try {
    return Number(readFileSync(SETTING_FILE, 'utf8')) !== 2;
  } catch {
    // Unreadable: assume the default.
    return true;
  }
}
