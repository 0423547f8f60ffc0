// What can be done with machines and devices: with one on its page, with many from the list. One
// row each: the commands (`records/machine-commands.ts`), power, locks, places and deletion.
//
// 1. An action is offered if the command table allows it in the machine's state and the person may
//    give it; the operation decides.
// 2. An action that cannot be undone says so in its form.

import { z } from 'zod';
import type { Answer } from '../../api/call/answer.ts';
import { commandsFrom, mayCommand, refuseCommand } from '../../life/commands.ts';
import { maySwitch, switchesItselfOff } from '../../life/power-life.ts';
import { type Machine, type MachineOutline, machineFqdn } from '../../records/machine.ts';
import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandButton,
  type CommandName,
  operationName,
} from '../../records/machine-commands.ts';
import type { Region } from '../../region.ts';
import { PLACE_FIELDS, type PlaceField } from '../frame/place-choices.ts';
import { pathBelow } from '../frame/values.ts';
import { EDIT_MACHINE, mayCall, type Viewer, type WantedOperation } from '../frame/view.ts';
import { type Affected, words } from '../frame/words.ts';
import {
  type ActionForm,
  commandForm,
  DELETE_FORM,
  LOCK_FORM,
  NO_FIELDS,
  POWER_OFF_FORM,
  placeForm,
} from './action-forms.ts';

interface ActionTexts {
  readonly label: string;
  /** Of the form for one machine; absent: it has none. */
  readonly heading?: (machine: string) => string;
  /** The notice after it was done to one machine. */
  readonly done?: (machine: string, answer: Answer) => string;
}

export interface MachineAction {
  readonly name: string;
  readonly command?: CommandName;
  /**
   * Among the buttons of a machine's page: always visible, or in the menu of rare actions; absent:
   * the page has it elsewhere.
   */
  readonly where?: 'main' | 'more';
  readonly isDangerous?: boolean;
  /** It asks for an object of the path `system_id`, unless its parameters name the machine. */
  readonly operation: WantedOperation;
  readonly texts: () => ActionTexts;
  /** Sentences on what it does to a machine now. */
  readonly effects: (machine: Machine, power: Pick<Affected, 'isSwitched' | 'isOff'>) => readonly string[];
  readonly form: ActionForm;
  /**
   * Why it is not done to this machine with others; a person can do it: undefined; absent: never
   * with others.
   */
  readonly leavesOut?: (machine: Outline, viewer: Viewer) => string | undefined;
}

type Outline = MachineOutline & Pick<Machine, 'powerTask'>;

const getActionTexts = (name: keyof typeof words.actions) => (): ActionTexts => {
  const { done, ...texts } = words.actions[name];
  return { ...texts, done: (machine) => words.actionForms.accepted(machine, done) };
};

const effectsIn =
  (effects: readonly (keyof typeof words.effects)[]): MachineAction['effects'] =>
  (machine, power) => {
    const { status, addresses } = machine;
    const affected = { ...power, fqdn: machineFqdn(machine), state: words.values.state(status) };
    return effects.flatMap((name) => {
      if (name === 'halfWritten' && status !== 'deploying' && status !== 'disk-erasing') return [];
      const effect = words.effects[name === 'freed' && addresses.length === 0 ? 'noOwner' : name];
      return [typeof effect === 'string' ? effect : effect(affected)];
    });
  };

function commandLeavesOut(name: CommandName, machine: Outline, viewer: Viewer) {
  const { leftOut } = words.many;
  switch (refuseCommand(machine, name, buildViewerActor(viewer))?.name) {
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

const commandAction = (name: CommandName, button: CommandButton): MachineAction => ({
  name,
  command: name,
  where: button.isRare === true ? 'more' : 'main',
  isDangerous: button.isDangerous === true,
  // The parameters of `allocate` name the machine.
  operation: name === 'allocate' ? 'POST machines allocate' : `POST machines/{system_id} ${operationName(name)}`,
  texts: getActionTexts(name),
  effects: effectsIn(button.effects),
  form: commandForm(name),
  leavesOut: (machine, viewer) => commandLeavesOut(name, machine, viewer),
});

const stateShape = z.object({ state: z.string(), text: z.string() });

const QUERY: MachineAction = {
  name: 'power-query',
  operation: 'GET machines/{system_id} query_power_state',
  texts: () => ({
    ...words.power.tasks.query,
    done(machine, answer) {
      const seen = stateShape.safeParse(answer.kind === 'json' ? answer.value : undefined).data;
      return words.power.tasks.query.done(machine, seen?.state, seen?.text);
    },
  }),
  effects: () => [words.power.tasks.query.effect],
  form: NO_FIELDS,
};

const powerAction = (task: 'on' | 'off' | 'cycle'): MachineAction => ({
  name: `power-${task}`,
  isDangerous: task !== 'on',
  operation: `POST machines/{system_id} power_${task}`,
  texts: () => words.power.tasks[task],
  effects(machine, { isOff }) {
    const { effect, effectWhenOff } = words.power.tasks[task];
    const isLeft = task === 'off' || !switchesItselfOff(machine);
    return [
      isOff ? effectWhenOff : effect,
      ...(isLeft ? [] : [words.power.follows(words.values.state(machine.status))]),
    ];
  },
  form: task === 'off' ? POWER_OFF_FORM : NO_FIELDS,
  leavesOut(machine, viewer) {
    if (!maySwitch(machine, viewer)) return words.many.leftOut.notYours;
    return machine.powerTask === undefined ? undefined : words.many.leftOut.powerBusy;
  },
});

const lockAction = (name: 'lock' | 'unlock'): MachineAction => ({
  name,
  operation: `POST machines/{system_id} ${name}`,
  texts: () => ({ label: words.many.locks[name] }),
  effects: () => [words.many.lockEffects[name]],
  form: LOCK_FORM,
  leavesOut(machine, viewer) {
    if (!maySwitch(machine, viewer)) return words.many.leftOut.notYours;
    if ((machine.isLocked === true) !== (name === 'lock')) return undefined;
    return name === 'lock' ? words.many.leftOut.locked : words.many.leftOut.unlocked;
  },
});

const ofOwner: NonNullable<MachineAction['leavesOut']> = ({ owner }, { username, isAdmin }) =>
  isAdmin || owner === username ? undefined : words.many.leftOut.notYours;

const placeAction =
  (operation: WantedOperation) =>
  (field: PlaceField): MachineAction => ({
    name: `set-${field}`,
    operation,
    texts: () => ({ label: words.many.places[field].label }),
    effects: () => [words.many.places[field].effect],
    form: placeForm(operation, field),
    leavesOut: ofOwner,
  });

const DELETE: MachineAction = {
  name: 'delete',
  where: 'more',
  isDangerous: true,
  operation: 'DELETE machines/{system_id}',
  texts: getActionTexts('delete'),
  effects: effectsIn(['deleted', 'forGood']),
  form: DELETE_FORM,
  leavesOut: () => undefined,
};

export const MACHINE_ACTIONS: readonly MachineAction[] = [
  ...COMMAND_NAMES.flatMap((name) => {
    const { button } = COMMANDS[name];
    return button === undefined ? [] : [commandAction(name, button)];
  }),
  ...(['on', 'off', 'cycle'] as const).map(powerAction),
  QUERY,
  ...(['lock', 'unlock'] as const).map(lockAction),
  ...PLACE_FIELDS.map(placeAction(EDIT_MACHINE)),
  DELETE,
];

/** Of devices, with which all is done from the list. */
const DEVICE_ACTIONS: readonly MachineAction[] = [
  ...PLACE_FIELDS.map(placeAction('PUT devices/{system_id}')),
  {
    ...DELETE,
    operation: 'DELETE devices/{system_id}',
    effects: effectsIn(['deleted']),
    form: NO_FIELDS,
    leavesOut: ofOwner,
  },
];

/** The look of a button: a dangerous choice, an ordinary one, or the usual next step. */
export function chooseActionTone(
  { command, isDangerous }: MachineAction,
  { status }: Machine,
): 'danger' | 'plain' | 'primary' {
  if (command !== undefined && COMMANDS[command].button?.next?.includes(status) === true) return 'primary';
  return isDangerous === true ? 'danger' : 'plain';
}

/** The look of the button of its form. */
export const formTone = ({ isDangerous }: MachineAction): 'danger' | 'primary' =>
  isDangerous === true ? 'danger' : 'primary';

export const buildViewerActor = ({ username, isAdmin }: Viewer) => ({ username, isAdmin, comment: '' });

/** The buttons of a machine's page. */
export function actionsFor(machine: Machine, viewer: Viewer): readonly MachineAction[] {
  const commands = commandsFrom(machine.status);
  return MACHINE_ACTIONS.filter(({ command, where, operation }) => {
    if (where === undefined || !mayCall(viewer, operation)) return false;
    if (command === undefined) return true;
    return (
      machine.isLocked !== true && commands.includes(command) && mayCommand(machine, command, buildViewerActor(viewer))
    );
  });
}

/** Those that this person may do to some machine of a list. */
export const offeredActions = (viewer: Viewer, isDevices: boolean): readonly MachineAction[] =>
  (isDevices ? DEVICE_ACTIONS : MACHINE_ACTIONS).filter(
    ({ leavesOut, operation }) => leavesOut !== undefined && mayCall(viewer, operation),
  );

export const MANY_OPERATIONS: readonly WantedOperation[] = [...MACHINE_ACTIONS, ...DEVICE_ACTIONS].map(
  ({ operation }) => operation,
);

export const isSwitched = ({ power }: Region, machine: Machine): boolean =>
  power !== undefined && power.switches(machine) !== 'nothing';

/** The page of a machine; that of a device is shown there, too. */
export const machinePath = (machine: string): string => pathBelow('/MAAS/machines/', machine);

export const DEVICES_PATH = '/MAAS/devices/';
export const devicePath = (device: string): string => pathBelow(DEVICES_PATH, device);

export const actionPath = ({ systemId }: Machine, action: string): string => `${machinePath(systemId)}do/${action}/`;

export const MANY_PATH = '/MAAS/machines/many/';
