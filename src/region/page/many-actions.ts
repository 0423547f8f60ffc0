// What can be done with many machines or devices at once: for each, the operation of one machine, and why a machine is left out.
//
// 1. Whether a machine is left out is foreseen with what the index knows; the operation itself decides.

import { refuseCommand } from '../life/commands.ts';
import { maySwitch } from '../life/power-life.ts';
import { actorOf, MACHINE_ACTIONS, type MachineAction } from './machine-actions.ts';
import type { IndexedMachine } from './machine-index.ts';
import { PLACE_FIELDS, type PlaceField } from './place-choices.ts';
import { POWER_OPERATIONS } from './power-pages.ts';
import { EDIT_MACHINE, mayCall, type View, type Viewer, type WantedOperation } from './view.ts';
import { words } from './words.ts';

export const MANY_PATH = '/MAAS/machines/many/';

export interface ManyAction {
  readonly name: string;
  readonly label: string;
  /** It asks for an object of the path `system_id`, unless its parameters name the machine. */
  readonly operation: WantedOperation;
  readonly tone: 'primary' | 'danger';
  /** The same for one machine; undefined: its page has it elsewhere. */
  readonly single?: MachineAction;
  /** The parameter that its form sets. */
  readonly field?: PlaceField;
  /** Why this person cannot do it to this machine now; undefined: they can. */
  readonly leavesOut: (machine: IndexedMachine, viewer: Viewer) => string | undefined;
}

function refusalOf(machine: IndexedMachine, name: MachineAction['name'], viewer: Viewer) {
  const { leftOut } = words.many;
  if (name === 'delete') return undefined;
  switch (refuseCommand(machine, name, actorOf(viewer))?.name) {
    case undefined:
      return undefined;
    case 'not-owner':
      return leftOut.notYours;
    case 'machine-locked':
      return leftOut.locked;
    default:
      return leftOut.inState(words.values.state(machine.status));
  }
}

const lifeAction = (single: MachineAction): ManyAction => ({
  name: single.name,
  label: words.actions[single.name].label,
  operation: single.operation,
  tone: single.tone === 'danger' ? 'danger' : 'primary',
  single,
  leavesOut: (machine, viewer) => refusalOf(machine, single.name, viewer),
});

const POWER_TASKS = ['on', 'off', 'cycle'] as const;

const powerAction = (task: (typeof POWER_TASKS)[number]): ManyAction => ({
  name: `power-${task}`,
  label: words.power.tasks[task].label,
  operation: POWER_OPERATIONS[task],
  tone: task === 'on' ? 'primary' : 'danger',
  leavesOut(machine, viewer) {
    if (!maySwitch(machine, viewer)) return words.many.leftOut.notYours;
    return machine.powerTask === undefined ? undefined : words.many.leftOut.powerBusy;
  },
});

const LOCKS: readonly ('lock' | 'unlock')[] = ['lock', 'unlock'];

const lockAction = (name: 'lock' | 'unlock'): ManyAction => ({
  name,
  label: words.many.locks[name],
  operation: `POST machines/{system_id} ${name}`,
  tone: 'primary',
  leavesOut(machine, viewer) {
    if (!maySwitch(machine, viewer)) return words.many.leftOut.notYours;
    if ((machine.isLocked === true) !== (name === 'lock')) return undefined;
    return name === 'lock' ? words.many.leftOut.locked : words.many.leftOut.unlocked;
  },
});

const EDIT_DEVICE = 'PUT devices/{system_id}';

const ofOwner = ({ owner }: IndexedMachine, { username, isAdmin }: Viewer): string | undefined =>
  isAdmin || owner === username ? undefined : words.many.leftOut.notYours;

const placeAction =
  (operation: typeof EDIT_MACHINE | typeof EDIT_DEVICE) =>
  (field: PlaceField): ManyAction => ({
    name: `set-${field}`,
    label: words.many.places[field].label,
    operation,
    tone: 'primary',
    field,
    leavesOut: ofOwner,
  });

const manyActions = (): readonly ManyAction[] => [
  ...MACHINE_ACTIONS.filter(({ name }) => name !== 'delete').map(lifeAction),
  ...POWER_TASKS.map(powerAction),
  ...LOCKS.map(lockAction),
  ...PLACE_FIELDS.map(placeAction(EDIT_MACHINE)),
  ...MACHINE_ACTIONS.filter(({ name }) => name === 'delete').map(lifeAction),
];

const deviceActions = (): readonly ManyAction[] => [
  ...PLACE_FIELDS.map(placeAction(EDIT_DEVICE)),
  {
    name: 'delete',
    label: words.actions.delete.label,
    operation: 'DELETE devices/{system_id}',
    tone: 'danger',
    leavesOut: ofOwner,
  },
];

/** Those that this person may do to some machine. */
export const offeredActions = ({ viewer }: Pick<View, 'viewer'>, isDevices: boolean): readonly ManyAction[] =>
  (isDevices ? deviceActions() : manyActions()).filter(({ operation }) => mayCall(viewer, operation));

export const MANY_OPERATIONS: readonly WantedOperation[] = [...manyActions(), ...deviceActions()].map(
  ({ operation }) => operation,
);
