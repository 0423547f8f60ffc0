// Which notes of the running rack are faults, and what fixes each. Pure.

import type { NoteCode } from '../region/reports/notes.ts';
import type { Finding } from './finding.ts';

/** A note as the running rack answers it. */
export interface NotedText {
  readonly note: string;
  readonly text: string;
}

const FAULTS: { readonly [C in NoteCode]?: Pick<Finding, 'check' | 'fix'> } = {
  // Noted until the next start: then the new file holds the later leases, and the loss can no longer be seen.
  'leases-lost': {
    check: 'leases',
    fix: 'sudo systemctl stop rackboot, put leases.db and leases.db-wal back from a backup, then sudo systemctl start rackboot',
  },
  'leases-damaged': {
    check: 'leases',
    fix: 'sudo journalctl -k -p err shows errors of the memory and the disk; sudo smartctl -a /dev/sda asks the disk',
  },
  'ntp-name-unresolved': {
    check: 'ntp',
    fix: 'correct the name in ntp_servers or dhcp.options (`sudo rackboot config show`), or name servers that know it in dns.upstream',
  },
  'own-address-used': {
    check: 'own address',
    fix: 'find the port of that hardware address in the address table of the switch; give the host another address, or disconnect it',
  },
};
const FAULT_BY_CODE = new Map(Object.entries(FAULTS));

/** A finding for each note that is a fault. */
export function judgeNotes(notes: readonly NotedText[]): readonly Finding[] {
  return notes.flatMap(({ note, text }) => {
    const fault = FAULT_BY_CODE.get(note);
    return fault === undefined ? [] : { ...fault, ok: false, text };
  });
}
