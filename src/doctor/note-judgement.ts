// Which notes of the running rack are faults, recognised by their words, and what fixes each. Pure.

import { OWN_ADDRESS_REMEDY, OWN_ADDRESS_USED } from '../daemon/rack/own-addresses.ts';
import { LEASES_DAMAGED } from '../store/damaged-row.ts';
import { LEASES_LOST } from '../store/lost-leases.ts';
import type { Finding } from './finding.ts';

interface Fault {
  /** Part of the note. */
  readonly words: string;
  readonly check: string;
  readonly fix: string;
}

const FAULTS: readonly Fault[] = [
  // Noted until the next start: then the new file holds the later leases, and the loss can no longer be seen.
  {
    words: LEASES_LOST,
    check: 'leases',
    fix: 'sudo systemctl stop rackboot, put leases.db and leases.db-wal back from a backup, then sudo systemctl start rackboot',
  },
  {
    words: LEASES_DAMAGED,
    check: 'leases',
    fix: 'sudo journalctl -k -p err shows errors of the memory and the disk; sudo smartctl -a /dev/sda asks the disk',
  },
  { words: OWN_ADDRESS_USED, check: 'own address', fix: OWN_ADDRESS_REMEDY },
];

/** A finding for each note that is a fault. */
export function judgeNotes(notes: readonly string[]): readonly Finding[] {
  return notes.flatMap((text) => {
    const fault = FAULTS.find(({ words }) => text.includes(words));
    return fault === undefined ? [] : { check: fault.check, ok: false, text, fix: fault.fix };
  });
}
