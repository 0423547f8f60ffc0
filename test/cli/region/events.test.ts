// One line of `rackboot events`: the machine, the person, and with several racks the rack that reported it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLine } from '../../../src/cli/region/events.ts';

const EVENT = { id: 1, time: '2026-01-02T03:04:05.678Z', level: 'INFO', type: 'DHCP', description: 'accepted' };
const START = '2026-01-02 03:04:05Z  INFO      ';

for (const [name, more, manyRacks, end] of [
  [
    'of a machine and a person',
    { hostname: 'early-ocean', username: 'alice' },
    false,
    'early-ocean          Accepted  (alice)',
  ],
  ['of a person alone', { hostname: '', username: 'alice' }, false, 'alice                Accepted'],
  ['of a machine alone', { hostname: 'early-ocean', username: 'unknown' }, false, 'early-ocean          Accepted'],
  ['of a rack, the only one', { rack: 'rack-2' }, false, '                     Accepted'],
  ['of a rack, one of several', { rack: 'rack-2' }, true, 'rack-2               Accepted'],
  [
    'of a machine, reported by a rack',
    { hostname: 'm1', rack: 'rack-2' },
    true,
    'm1                   Accepted  (rack-2)',
  ],
  [
    'of the local administrator alone',
    { hostname: '', username: 'local-administrator' },
    false,
    'local-administrator  Accepted',
  ],
  ['of nobody, with several racks', { rack: null }, true, '                     Accepted'],
] as const) {
  test(`an event ${name} names them`, () =>
    assert.equal(eventLine({ ...EVENT, hostname: '', username: '', ...more }, manyRacks), START + end));
}
