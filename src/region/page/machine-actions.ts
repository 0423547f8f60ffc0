// The actions on a machine's page: the buttons of the commands (`records/machine-commands.ts`), and deletion.
//
// 1. An action is offered if the command table allows it in the machine's state and the person may give it; the operation decides.
// 2. An action that cannot be undone says so in its form.

import { commandsFrom, mayCommand } from '../life/commands.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandButton,
  type CommandName,
  operationName,
} from '../records/machine-commands.ts';
import type { Region } from '../region.ts';
import { pathBelow } from './values.ts';
import { mayCall, type Viewer, type WantedOperation } from './view.ts';
import { type Affected, words } from './words.ts';

type ActionName = CommandName | 'delete';

/** The look of a button: an ordinary choice, or a dangerous one; `primary`: the usual next step. */
type Tone = 'plain' | 'danger';

export interface MachineAction {
  readonly name: ActionName;
  /** `main`: always visible; `more`: in the menu of rare actions. */
  readonly where: 'main' | 'more';
  readonly tone: Tone;
  readonly operation: WantedOperation;
  readonly effects: readonly (keyof typeof words.effects)[];
}

const lifeAction = (name: CommandName, button: CommandButton): MachineAction => ({
  name,
  where: button.isRare === true ? 'more' : 'main',
  tone: button.isDangerous === true ? 'danger' : 'plain',
  // The parameters of `allocate` name the machine.
  operation: name === 'allocate' ? 'POST machines allocate' : `POST machines/{system_id} ${operationName(name)}`,
  effects: button.effects,
});

export const MACHINE_ACTIONS: readonly MachineAction[] = [
  ...COMMAND_NAMES.flatMap((name) => {
    const { button } = COMMANDS[name];
    return button === undefined ? [] : [lifeAction(name, button)];
  }),
  {
    name: 'delete',
    where: 'more',
    tone: 'danger',
    operation: 'DELETE machines/{system_id}',
    effects: ['deleted', 'forGood'],
  },
];

/** Sentences on what an action does to a machine now. */
export function effectTexts(
  { effects }: MachineAction,
  machine: Machine,
  power: Pick<Affected, 'isSwitched' | 'isOff'>,
): readonly string[] {
  const { status, addresses } = machine;
  const affected = { ...power, fqdn: machineFqdn(machine), state: words.values.state(status) };
  return effects.flatMap((name) => {
    if (name === 'halfWritten' && status !== 'deploying' && status !== 'disk-erasing') return [];
    const effect = words.effects[name === 'freed' && addresses.length === 0 ? 'noOwner' : name];
    return [typeof effect === 'string' ? effect : effect(affected)];
  });
}

export function toneOf(action: MachineAction, { status }: Machine): Tone | 'primary' {
  const { name, tone } = action;
  return name !== 'delete' && COMMANDS[name].button?.next?.includes(status) === true ? 'primary' : tone;
}

export const actorOf = ({ username, isAdmin }: Viewer) => ({ username, isAdmin, comment: '' });

export function actionsFor(machine: Machine, viewer: Viewer): readonly MachineAction[] {
  const commands = commandsFrom(machine.status);
  return MACHINE_ACTIONS.filter(({ name, operation }) => {
    if (!mayCall(viewer, operation)) return false;
    if (name === 'delete') return true;
    return machine.isLocked !== true && commands.includes(name) && mayCommand(machine, name, actorOf(viewer));
  });
}

export const isSwitched = ({ power }: Region, machine: Machine): boolean =>
  machine.powerIsProposed !== true && power?.switches(machine) === true;

/** The page of a machine; that of a device is shown there, too. */
export const machinePath = (machine: string): string => pathBelow('/MAAS/machines/', machine);

export const DEVICES_PATH = '/MAAS/devices/';
export const devicePath = (device: string): string => pathBelow(DEVICES_PATH, device);

export const actionPath = ({ systemId }: Machine, action: string): string => `${machinePath(systemId)}do/${action}/`;
