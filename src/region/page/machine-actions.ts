// The actions on a machine's page: each with its effects, and the API operation that performs it.
//
// 1. An action is offered if the command table allows it in the machine's state and the person may give it; the operation decides.
// 2. An action that cannot be undone says so in its form.

import { type CommandName, commandsFrom, mayCommand } from '../life/commands.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import type { Region } from '../region.ts';
import { pathBelow } from './values.ts';
import { mayCall, type Viewer, type WantedOperation } from './view.ts';
import { words } from './words.ts';

type ActionName = CommandName | 'delete';

/** The look of a button: the usual next step, an ordinary choice, or a dangerous one. */
type Tone = 'primary' | 'plain' | 'danger';

export interface MachineAction {
  readonly name: ActionName;
  /** `main`: always visible; `more`: in the menu of rare actions. */
  readonly where: 'main' | 'more';
  readonly tone: Tone;
  readonly operation: WantedOperation;
  readonly effects: (machine: Machine, power: PowerNow) => readonly string[];
}

interface PowerNow {
  readonly isSwitched: boolean;
  /** True if it was off at the last observation. */
  readonly isOff: boolean;
}

const post = (op: string): WantedOperation => `POST machines/{system_id} ${op}`;

const hasAddress = ({ addresses }: Machine) => addresses.length > 0;

export const MACHINE_ACTIONS: readonly MachineAction[] = [
  {
    name: 'accept',
    where: 'main',
    tone: 'primary',
    operation: post('accept'),
    effects: (_machine, power) => [words.effects.measures, words.effects.starts(power)],
  },
  {
    name: 'deploy',
    where: 'main',
    tone: 'primary',
    operation: post('deploy'),
    effects: (_machine, power) => [words.effects.dataLost, words.effects.getsAddress, words.effects.starts(power)],
  },
  {
    name: 'allocate',
    where: 'main',
    tone: 'plain',
    // The operation's parameters name the machine.
    operation: 'POST machines allocate',
    effects: () => [words.effects.becomesYours],
  },
  {
    name: 'mark-fixed',
    where: 'main',
    tone: 'primary',
    operation: post('mark_fixed'),
    effects: () => [words.effects.fixed],
  },
  {
    name: 'commission',
    where: 'main',
    tone: 'plain',
    operation: post('commission'),
    effects: (_machine, power) => [words.effects.measures, words.effects.starts(power)],
  },
  {
    name: 'test',
    where: 'main',
    tone: 'plain',
    operation: post('test'),
    effects: (_machine, power) => [words.effects.tests, words.effects.starts(power)],
  },
  {
    name: 'override-failed',
    where: 'main',
    tone: 'plain',
    operation: post('override_failed_testing'),
    effects: () => [words.effects.overridden],
  },
  {
    name: 'exit-rescue',
    where: 'main',
    tone: 'primary',
    operation: post('exit_rescue_mode'),
    effects: () => [words.effects.rescueEnds],
  },
  {
    name: 'reinstate',
    where: 'main',
    tone: 'primary',
    operation: post('reinstate'),
    effects: () => [words.effects.newAgain],
  },
  {
    name: 'release',
    where: 'main',
    tone: 'plain',
    operation: post('release'),
    effects: (machine, power) => [
      hasAddress(machine) ? words.effects.freed(machineFqdn(machine)) : words.effects.noOwner,
      words.effects.revoked,
      words.effects.ends(power),
    ],
  },
  {
    name: 'abort',
    where: 'main',
    tone: 'danger',
    operation: post('abort'),
    effects: (machine, power) => [
      words.effects.workStops(words.values.state(machine.status)),
      ...(machine.status === 'deploying' || machine.status === 'disk-erasing' ? [words.effects.halfWritten] : []),
      words.effects.ends(power),
    ],
  },
  {
    name: 'rescue',
    where: 'more',
    tone: 'plain',
    operation: post('rescue_mode'),
    effects: (_machine, power) => [words.effects.rescues, words.effects.starts(power)],
  },
  {
    name: 'mark-broken',
    where: 'more',
    tone: 'plain',
    operation: post('mark_broken'),
    effects: () => [words.effects.broken],
  },
  {
    name: 'mark-missing',
    where: 'more',
    tone: 'plain',
    operation: post('mark_missing'),
    effects: () => [words.effects.missing],
  },
  {
    name: 'retire',
    where: 'more',
    tone: 'plain',
    operation: post('retire'),
    effects: () => [words.effects.retired],
  },
  {
    name: 'delete',
    where: 'more',
    tone: 'danger',
    operation: 'DELETE machines/{system_id}',
    effects: () => [words.effects.deleted, words.effects.forGood],
  },
];

/** The usual next action in each state, whose button stands out. */
const NEXT: Readonly<Partial<Record<Machine['status'], ActionName>>> = {
  new: 'accept',
  ready: 'deploy',
  allocated: 'deploy',
  'failed-commissioning': 'commission',
  'failed-testing': 'commission',
  'failed-deployment': 'deploy',
  broken: 'mark-fixed',
  missing: 'reinstate',
  retired: 'reinstate',
  'rescue-mode': 'exit-rescue',
  'failed-entering-rescue-mode': 'exit-rescue',
  'failed-exiting-rescue-mode': 'exit-rescue',
};

export function toneOf(action: MachineAction, { status }: Machine): Tone {
  if (action.name === NEXT[status]) return 'primary';
  return action.tone === 'danger' ? 'danger' : 'plain';
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
