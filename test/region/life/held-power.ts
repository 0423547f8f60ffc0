// The power of machines as the tests of their life hold it: whoever is asked says what the test says, and nothing is switched.

import type { PowerControl, PowerResult } from '../../../src/region/life/power-life.ts';
import type { Machine, PowerTask } from '../../../src/region/records/machine.ts';

/** What switches those machines, and never does. */
export const heldPower = (switches: PowerControl['switches'] = () => true): PowerControl => ({
  drivers: [],
  switches,
  problemsOf: () => [],
  follow: () => undefined,
  reading: () => undefined,
  ask: () => Promise.resolve({ state: 'unknown', atMs: undefined, ageSeconds: undefined, text: 'nobody is asked' }),
});

/** How the present task of a machine ended; with `task` how another one did. */
export const powerEnd = (
  machine: Machine | undefined,
  kind: PowerResult['kind'] = 'done',
  text = '',
  task?: PowerTask,
): PowerResult => ({
  id: task === undefined ? (machine?.powerTaskId ?? 'none') : 'another',
  task: task ?? machine?.powerTask ?? 'off',
  kind,
  text,
});
