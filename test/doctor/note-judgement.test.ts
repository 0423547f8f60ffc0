import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeNotes } from '../../src/doctor/note-judgement.ts';

const CASES: readonly (readonly [name: string, note: string, check: string, fix: RegExp])[] = [
  ['lost leases', 'leases-lost', 'leases', /put leases\.db and leases\.db-wal back/],
  ['damaged leases', 'leases-damaged', 'leases', /smartctl/],
  [
    'another host with the address of the rack',
    'own-address-used',
    'own address',
    /the switch; give the host another address/,
  ],
  ['an NTP server without a known address', 'ntp-name-unresolved', 'ntp', /servers that know it in dns\.upstream/],
];

for (const [name, note, check, fix] of CASES) {
  test(`${name}: the note is a fault, with its fix`, () => {
    const [found, ...more] = judgeNotes([
      { note: 'leases-restored', text: 'a note that does not exist' },
      { note, text: 'the words of the rack' },
    ]);
    assert.deepEqual([found?.check, found?.ok, found?.text, more], [check, false, 'the words of the rack', []]);
    assert.match(found?.fix ?? '', fix);
  });
}
