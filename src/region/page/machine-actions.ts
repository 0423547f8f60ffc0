// What a person can do with one machine on its page: each action with what it is called, what will happen, and the operation of the API
// that does it.
//
// 1. An action is offered when the table of commands leads somewhere from the machine's state, and when the person may give it; whether it
//    is done, the operation decides.
// 2. Whatever cannot be taken back says so before.

import { type CommandName, commandsFrom, mayCommand } from '../life/commands.ts';
import { statusRow } from '../records/lifecycle.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import type { Region } from '../region.ts';
import { mayCall, type Person, type Viewer, type WantedOperation } from './view.ts';

export type ActionName = CommandName | 'delete';

/** How a button looks: what usually comes next, one of several, one with care. */
export type Tone = 'primary' | 'plain' | 'danger';

export interface MachineAction {
  readonly name: ActionName;
  /** On its button. */
  readonly label: string;
  /** The heading of its form: what is about to be done, as a command. */
  readonly heading: (name: string) => string;
  /** `main`: beside the others; `more`: among those that are rarely wanted. */
  readonly where: 'main' | 'more';
  readonly tone: Tone;
  readonly operation: WantedOperation;
  /** What is said when it was taken. */
  readonly done: string;
  /** What will happen, a sentence each. */
  readonly effects: (machine: Machine, power: PowerNow) => readonly string[];
}

/** What is known of a machine's power before something is done with it. */
export interface PowerNow {
  /** Rackboot can switch it. */
  readonly isSwitched: boolean;
  /** It was off when somebody looked last. */
  readonly isOff: boolean;
}

const post = (op: string): WantedOperation => ({ method: 'POST', path: 'machines/{system_id}', op });

function startOf({ isSwitched, isOff }: PowerNow): string {
  if (!isSwitched)
    return 'Rackboot cannot switch it: switch it on yourself, with the network first in its boot order. Its time begins with its first request.';
  const start = 'It is started from the network by its power driver';
  return isOff ? `${start}.` : `${start}; what runs on it now ends.`;
}

function endOf({ isSwitched, isOff }: PowerNow): string {
  if (isOff) return 'It is off already.';
  return isSwitched ? 'It is switched off.' : 'Rackboot cannot switch it off: it may go on running until you do.';
}

const given = ({ addresses }: Machine): boolean => addresses.length > 0;

const MEASURE =
  'It is measured and tested, which takes some minutes, and is Ready if nothing fails. Its disks are not written.';

/** Every action, in the order in which they are offered. */
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
      'What is on the chosen disk is lost.',
      'It gets an address of its own and its name in DNS, and the SSH keys of its owner.',
      startOf(power),
    ],
  },
  {
    name: 'allocate',
    label: 'Allocate',
    heading: (name) => `Allocate ${name}`,
    where: 'main',
    tone: 'plain',
    // The operation takes the machine among its conditions.
    operation: { method: 'POST', path: 'machines', op: 'allocate' },
    done: 'is yours',
    effects: () => [
      'It becomes yours, and nobody else can take it. It gets an address; nothing is switched or written.',
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
    effects: () => ['It may be used again, and goes back to where it was. Nothing is switched.'],
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
      'The checks and the testing scripts run on it; then it is where it was before. Its disks are not written.',
      startOf(power),
    ],
  },
  {
    name: 'override-failed',
    label: 'Use it anyway',
    heading: (name) => `Use ${name} anyway`,
    where: 'main',
    tone: 'plain',
    operation: post('override_failed_testing'),
    done: 'is used although a test failed',
    effects: () => ['It is used as if its tests had passed. What failed stays in its records.'],
  },
  {
    name: 'exit-rescue',
    label: 'Leave rescue mode',
    heading: (name) => `Take ${name} out of rescue mode`,
    where: 'main',
    tone: 'primary',
    operation: post('exit_rescue_mode'),
    done: 'leaves rescue mode',
    effects: () => [
      'The rescue system ends, with everybody who is logged in to it; the machine goes back to where it was.',
    ],
  },
  {
    name: 'reinstate',
    label: 'Reinstate',
    heading: (name) => `Reinstate ${name}`,
    where: 'main',
    tone: 'primary',
    operation: post('reinstate'),
    done: 'is New again',
    effects: () => ['It is New again, and has to be accepted before it is used.'],
  },
  {
    name: 'release',
    label: 'Release',
    heading: (name) => `Release ${name}`,
    where: 'main',
    tone: 'plain',
    operation: post('release'),
    // It may be Ready before the page is read: what was held is given back at once in any case.
    done: 'has been given back',
    effects: (machine, power) => [
      ...(given(machine)
        ? [`Its address and the name ${machineFqdn(machine)} in DNS are taken back at once.`]
        : ['It is nobody’s any more.']),
      'Its own credentials end, and what it was given to run is forgotten.',
      endOf(power),
    ],
  },
  {
    name: 'abort',
    label: 'Abort',
    heading: (name) => `Abort what ${name} does`,
    where: 'main',
    tone: 'danger',
    operation: post('abort'),
    done: 'has been told to stop',
    effects: (machine, power) => [
      `What it is doing (${statusRow(machine.status).name}) ends where it is.`,
      ...(machine.status === 'deploying' || machine.status === 'disk-erasing'
        ? ['Its disk may be half written: what is on it is of no use.']
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
    done: 'enters rescue mode',
    effects: (_machine, power) => [
      'A system from the network is started, to which its owner can log in by SSH. Its disks are not written.',
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
    effects: () => ['Nobody can use it until it is marked as fixed. Nothing is switched. Say below what is broken.'],
  },
  {
    name: 'mark-missing',
    label: 'Mark as missing',
    heading: (name) => `Mark ${name} as missing`,
    where: 'more',
    tone: 'plain',
    operation: post('mark_missing'),
    done: 'is marked as missing',
    effects: () => ['It counts as not there, and nobody can use it. Nothing is switched.'],
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
      'It is out of use, and boots its own disk from now on. Its records are kept; it can be reinstated.',
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
      'Its records, its addresses and what was found out about it are gone; its log stays.',
      'This cannot be taken back. If it boots from the network again, it enlists anew.',
    ],
  },
];

/** What usually comes next in a state: its button stands out. */
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

/** How the button of an action looks on the page of a machine. */
export function toneOf(action: MachineAction, { status }: Machine): Tone {
  if (action.name === NEXT[status]) return 'primary';
  return action.tone === 'danger' ? 'danger' : 'plain';
}

const actorOf = ({ username, isAdmin }: Person) => ({ username, isAdmin, comment: '' });

/** What this person can do with this machine now. */
export function actionsFor(machine: Machine, viewer: Viewer): readonly MachineAction[] {
  if (viewer.kind !== 'person') return [];
  const commands = commandsFrom(machine.status);
  return MACHINE_ACTIONS.filter(({ name, operation }) => {
    if (!mayCall(viewer, operation)) return false;
    if (name === 'delete') return true;
    return machine.isLocked !== true && commands.includes(name) && mayCommand(machine, name, actorOf(viewer));
  });
}

/** True when Rackboot can switch the machine's power. */
export const isSwitched = ({ power }: Region, machine: Machine): boolean =>
  machine.powerIsProposed !== true && power?.switches(machine) === true;

/** The path of a machine's page, by its system id or its hardware address. */
export const machinePath = (machine: string): string => `/MAAS/machines/${encodeURIComponent(machine)}/`;

/** The path of the form of an action. */
export const actionPath = ({ systemId }: Machine, action: string): string => `${machinePath(systemId)}do/${action}/`;
