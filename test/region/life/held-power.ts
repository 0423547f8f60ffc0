// A power control for tests of the life cycle: it answers as the test says, and switches nothing.

import type { PowerControl, PowerResult } from '../../../src/region/life/power-life.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { PowerTask } from '../../../src/region/records/power-task.ts';
import { spoken } from '../../support/sentences.ts';

/** A power control that switches nothing. */
export const heldPower = (switches: (machine: Machine) => boolean = () => true): PowerControl => ({
  drivers: [],
  switches: (machine) => (switches(machine) ? 'on-and-off' : 'nothing'),
  problemsOf: () => [],
  follow: () => undefined,
  reading: () => undefined,
  ask: () => Promise.resolve({ state: 'unknown', atMs: undefined, ageSeconds: undefined }),
});

/** The outcome of a machine's current task; with `task`, of another one. */
export const powerEnd = (
  machine: Machine | undefined,
  kind: PowerResult['kind'] = 'done',
  said = '',
  task?: PowerTask,
): PowerResult => ({
  id: task === undefined ? (machine?.powerTaskId ?? 'none') : 'another',
  task: task ?? machine?.powerTask ?? 'off',
  kind,
  detail: said === '' ? undefined : spoken(said),
});
