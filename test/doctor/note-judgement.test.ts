import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWN_ADDRESS_USED } from '../../src/daemon/rack/own-addresses.ts';
import { judgeNotes } from '../../src/doctor/note-judgement.ts';
import { LEASES_DAMAGED } from '../../src/store/damaged-row.ts';
import { LEASES_LOST } from '../../src/store/lost-leases.ts';

const CASES: readonly (readonly [name: string, note: string, check: string, fix: RegExp])[] = [
  ['lost leases', `/state/leases.db ${LEASES_LOST}: x.`, 'leases', /put leases\.db and leases\.db-wal back/],
  ['damaged leases', `/state/leases.db ${LEASES_DAMAGED}: x.`, 'leases', /smartctl/],
  [
    'another host with the address of the rack',
    `10.20.0.1, ${OWN_ADDRESS_USED} on eth1, is used by another host, 52:54:00:00:00:66.`,
    'own address',
    /the switch; give the host another address/,
  ],
];

for (const [name, note, check, fix] of CASES) {
  test(`${name}: the note is a fault, with its fix`, () => {
    const [found, ...more] = judgeNotes(['a note that is none', note]);
    assert.deepEqual([found?.check, found?.ok, found?.text, more], [check, false, note, []]);
    assert.match(found?.fix ?? '', fix);
  });
}
