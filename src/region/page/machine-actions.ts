// The actions on a machine's page: each with its label, its effects, and the API operation that performs it.
//
// 1. An action is offered if the command table allows it in the machine's state and the person may give it. The operation makes the final
//    decision.
// 2. An action that cannot be undone says so in its form.

import { type CommandName, commandsFrom, mayCommand } from '../life/commands.ts';
import { statusRow } from '../records/lifecycle.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import type { Region } from '../region.ts';
import { mayCall, type Person, type Viewer, type WantedOperation } from './view.ts';

export type ActionName = CommandName | 'delete';

/** The look of a button: the usual next step, an ordinary choice, or a dangerous one. */
export type Tone = 'primary' | 'plain' | 'danger';

export interface MachineAction {
  readonly name: ActionName;
  /** The label of its button. */
  readonly label: string;
  /** The heading of its form, a command. */
  readonly heading: (name: string) => string;
  /** `main`: always visible; `more`: in the menu of rare actions. */
  readonly where: 'main' | 'more';
  readonly tone: Tone;
  readonly operation: WantedOperation;
  /** The notice once it is accepted, after the machine's name. */
  readonly done: string;
  /** Its effects, a sentence each. */
  readonly effects: (machine: Machine, power: PowerNow) => readonly string[];
}

/** A machine's power before an action. */
export interface PowerNow {
  /** True if Rackboot can switch it. */
  readonly isSwitched: boolean;
  /** True if it was off at the last observation. */
  readonly isOff: boolean;
}

const post = (op: string): WantedOperation => ({ method: 'POST', path: 'machines/{system_id}', op });

function startOf({ isSwitched, isOff }: PowerNow): string {
  if (!isSwitched)
    return 'Rackboot cannot power it on: do it yourself, with the network first in its boot order. Its time limit starts with its first request.';
  const start = 'Its power driver boots it from the network';
  return isOff ? `${start}.` : `${start}; the system now running on it stops.`;
}

function endOf({ isSwitched, isOff }: PowerNow): string {
  if (isOff) return 'It is off already.';
  return isSwitched ? 'It powers off.' : 'Rackboot cannot power it off: it may keep running until you do.';
}

const hasAddress = ({ addresses }: Machine): boolean => addresses.length > 0;

const MEASURE =
  'Inventories and tests it, which takes some minutes; it is Ready if nothing fails. Its disks are not written.';

/** Every action, in display order. */
export const MACHINE_ACTIONS: readonly MachineAction[] = [
  {
    name: 'accept',
    label: 'Accept',
    heading: (name) => `Accept ${name}`,
    where: 'main',
    tone: 'primary',
    operation: post('accept'),
    done: 'is accepted',
    effects: (_machine, power) => [MEASURE, startOf(power)],
  },
  {
    name: 'deploy',
    label: 'Deploy',
    heading: (name) => `Deploy ${name}`,
    where: 'main',
    tone: 'primary',
    operation: post('deploy'),
    done: 'is being deployed',
    effects: (_machine, power) => [
      'All data on the chosen disk is lost.',
      "It gets a static address, a DNS name and its owner's SSH keys.",
      startOf(power),
    ],
  },
  {
    name: 'allocate',
    label: 'Allocate',
    heading: (name) => `Allocate ${name}`,
    where: 'main',
    tone: 'plain',
    // The operation's parameters name the machine.
    operation: { method: 'POST', path: 'machines', op: 'allocate' },
    done: 'is yours',
    effects: () => [
      'It becomes yours, and no other user can take it. It gets an address; its power and disks are not touched.',
    ],
  },
  {
    name: 'mark-fixed',
    label: 'Mark as fixed',
    heading: (name) => `Mark ${name} as fixed`,
    where: 'main',
    tone: 'primary',
    operation: post('mark_fixed'),
    done: 'is marked as fixed',
    effects: () => ['It returns to its previous state and can be used again. Its power is not switched.'],
  },
  {
    name: 'commission',
    label: 'Commission',
    heading: (name) => `Commission ${name}`,
    where: 'main',
    tone: 'plain',
    operation: post('commission'),
    done: 'is being commissioned',
    effects: (_machine, power) => [MEASURE, startOf(power)],
  },
  {
    name: 'test',
    label: 'Test',
    heading: (name) => `Test ${name}`,
    where: 'main',
    tone: 'plain',
    operation: post('test'),
    done: 'is being tested',
    effects: (_machine, power) => [
      'Runs the checks and the testing scripts on it, then returns it to its previous state. Its disks are not written.',
      startOf(power),
    ],
  },
  {
    name: 'override-failed',
    label: 'Override failed test',
    heading: (name) => `Override the failed test of ${name}`,
    where: 'main',
    tone: 'plain',
    operation: post('override_failed_testing'),
    done: 'can be used despite its failed test',
    effects: () => ['It can be used as if its tests had passed. The failed results stay in its records.'],
  },
  {
    name: 'exit-rescue',
    label: 'Exit rescue mode',
    heading: (name) => `Take ${name} out of rescue mode`,
    where: 'main',
    tone: 'primary',
    operation: post('exit_rescue_mode'),
    done: 'is leaving rescue mode',
    effects: () => ['The rescue system stops, with all logins to it. The machine returns to its previous state.'],
  },
  {
    name: 'reinstate',
    label: 'Reinstate',
    heading: (name) => `Reinstate ${name}`,
    where: 'main',
    tone: 'primary',
    operation: post('reinstate'),
    done: 'is New again',
    effects: () => ['It is New again, and must be accepted before use.'],
  },
  {
    name: 'release',
    label: 'Release',
    heading: (name) => `Release ${name}`,
    where: 'main',
    tone: 'plain',
    operation: post('release'),
    // Not "is being released": its address and name are freed at once, and it may be Ready before the notice is read.
    done: 'is released',
    effects: (machine, power) => [
      ...(hasAddress(machine)
        ? [`Its address and its DNS name ${machineFqdn(machine)} are freed at once.`]
        : ['It no longer has an owner.']),
      'Its credentials are revoked, and its user data is deleted.',
      endOf(power),
    ],
  },
  {
    name: 'abort',
    label: 'Abort',
    heading: (name) => `Abort the work of ${name}`,
    where: 'main',
    tone: 'danger',
    operation: post('abort'),
    done: 'was told to stop',
    effects: (machine, power) => [
      `Its work (${statusRow(machine.status).name}) stops at once.`,
      ...(machine.status === 'deploying' || machine.status === 'disk-erasing'
        ? ['Its disk may be half written and unusable.']
        : []),
      endOf(power),
    ],
  },
  {
    name: 'rescue',
    label: 'Enter rescue mode',
    heading: (name) => `Put ${name} into rescue mode`,
    where: 'more',
    tone: 'plain',
    operation: post('rescue_mode'),
    done: 'is entering rescue mode',
    effects: (_machine, power) => [
      'Boots a rescue system, to which its owner can log in by SSH. Its disks are not written.',
      startOf(power),
    ],
  },
  {
    name: 'mark-broken',
    label: 'Mark as broken',
    heading: (name) => `Mark ${name} as broken`,
    where: 'more',
    tone: 'plain',
    operation: post('mark_broken'),
    done: 'is marked as broken',
    effects: () => [
      'It cannot be used until it is marked as fixed. Its power is not switched. Give the fault as the reason.',
    ],
  },
  {
    name: 'mark-missing',
    label: 'Mark as missing',
    heading: (name) => `Mark ${name} as missing`,
    where: 'more',
    tone: 'plain',
    operation: post('mark_missing'),
    done: 'is marked as missing',
    effects: () => ['It counts as absent and cannot be used. Its power is not switched.'],
  },
  {
    name: 'retire',
    label: 'Retire',
    heading: (name) => `Retire ${name}`,
    where: 'more',
    tone: 'plain',
    operation: post('retire'),
    done: 'is retired',
    effects: () => [
      'It is out of use, and boots its own disk from now on. Its records are kept, and it can be reinstated.',
    ],
  },
  {
    name: 'delete',
    label: 'Delete',
    heading: (name) => `Delete ${name}`,
    where: 'more',
    tone: 'danger',
    operation: { method: 'DELETE', path: 'machines/{system_id}' },
    done: 'is deleted',
    effects: () => [
      'Its records, addresses and test results are deleted; its log is kept.',
      'This cannot be undone. If it boots from the network again, it enlists as a new machine.',
    ],
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

/** The look of an action's button on a machine's page. */
export function toneOf(action: MachineAction, { status }: Machine): Tone {
  if (action.name === NEXT[status]) return 'primary';
  return action.tone === 'danger' ? 'danger' : 'plain';
}

const actorOf = ({ username, isAdmin }: Person) => ({ username, isAdmin, comment: '' });

/** The actions that a viewer may take on a machine now. */
export function actionsFor(machine: Machine, viewer: Viewer): readonly MachineAction[] {
  if (viewer.kind !== 'person') return [];
  const commands = commandsFrom(machine.status);
  return MACHINE_ACTIONS.filter(({ name, operation }) => {
    if (!mayCall(viewer, operation)) return false;
    if (name === 'delete') return true;
    return machine.isLocked !== true && commands.includes(name) && mayCommand(machine, name, actorOf(viewer));
  });
}

/** True if Rackboot can switch the machine's power. */
export const isSwitched = ({ power }: Region, machine: Machine): boolean =>
  machine.powerIsProposed !== true && power?.switches(machine) === true;

/** The path of a machine's page, by its system id or its hardware address. */
export const machinePath = (machine: string): string => `/MAAS/machines/${encodeURIComponent(machine)}/`;

/** The path of the form of an action. */
export const actionPath = ({ systemId }: Machine, action: string): string => `${machinePath(systemId)}do/${action}/`;
