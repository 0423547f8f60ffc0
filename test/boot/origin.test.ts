// Who a request comes from, by the machine that it names and the lease of its client's address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeOrigin, type NamedMachine } from '../../src/boot/origin.ts';
import { hw, ip } from '../support/lab-facts.ts';
import { MACS, machine } from './rack.ts';

const [HOME, AWAY] = [ip('10.20.0.100'), ip('10.30.0.100')];
const [SECOND_CARD, STRANGER] = [hw('52:54:00:00:01:0c'), hw('52:54:00:99:99:99')];
const OF_TWO = machine('commissioning', { macs: [MACS.commissioning, SECOND_CARD] });

const named = (mac = MACS.commissioning): NamedMachine => ({ machine: OF_TWO, mac });
const unknown = (mac: typeof STRANGER | undefined): NamedMachine => ({ machine: undefined, mac });

const CASES: readonly (readonly [string, NamedMachine, typeof STRANGER | undefined, string, string])[] = [
  ['the holder of the lease of its card', named(), MACS.commissioning, 'itself', 'away'],
  ['the holder of the lease of its second card', named(), SECOND_CARD, 'itself', 'away'],
  ['a neighbour with a lease of his own', named(), STRANGER, 'other', 'other'],
  ['a neighbour without a lease', named(), undefined, 'other', 'other'],
  ['another machine', named(), MACS.local, 'other', 'other'],
  ['an unknown host that names its own card', unknown(STRANGER), STRANGER, 'itself', 'itself'],
  ['a machine that names an unknown card', unknown(STRANGER), MACS.local, 'other', 'other'],
  ['a host without a lease that names an unknown card', unknown(STRANGER), undefined, 'other', 'other'],
  ['an unknown host that names nobody', unknown(undefined), undefined, 'itself', 'itself'],
];

for (const [who, subject, holder, atHome, elsewhere] of CASES) {
  test(`${who} is ${atHome} at home, ${elsewhere} in another network`, () => {
    const awayFrom = (_: unknown, peer: typeof HOME) => (peer === AWAY ? { network: 'far', home: 'near' } : undefined);
    const origins = [HOME, AWAY].map((peer) => judgeOrigin(subject, peer, { macOf: () => holder, awayFrom }).kind);
    assert.deepEqual(origins, [atHome, elsewhere]);
  });
}
