// The effects of a command on a machine: states, work, power and owner (`commands.ts` has the commands).
//
// 1. Every step of a command's path is in the table of states (`lifecycle.ts`).
// 2. A command changes only records. `PowerControl` then switches the machine as they say.

import type { Switching } from '../../power/driver.ts';
import { chosenDisk } from '../layout/deployable-storage.ts';
import type { Remark } from '../records/events.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import { BEFORE, COMMANDS } from '../records/machine-commands.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { PowerTask } from '../records/power-task.ts';
import { decideRefusal } from '../records/refusal.ts';
import type { MachineWork } from '../records/work.ts';
import {
  type Actor,
  type CommandOptions,
  type CommandRefusal,
  isRepeated,
  type MachineCommand,
  refuseCommand,
} from './commands.ts';
import { isRescueHeard, RESCUE_LEAVES_MS_MAX } from './rescue-end.ts';
import { lastingTask } from './state-power.ts';
import { afterTesting, type Change, enterStatuses } from './status-change.ts';
import { checkTransition } from './transition.ts';

export function decideCommand(
  machine: Machine,
  machineCommand: MachineCommand,
  options: CommandOptions,
): Change | { readonly kind: 'refuse'; readonly refusal: CommandRefusal } {
  const { by, atMs } = options;
  if (machine.device !== undefined) {
    return decideRefusal(
      'transition-not-allowed',
      `${machine.hostname} is a device: only its names and addresses are kept here.`,
    );
  }
  const command = pickOwnOptions(machineCommand);
  const refused = refuseCommand(machine, command.name, by) ?? refusePath(machine, command);
  if (refused !== undefined) return { kind: 'refuse', refusal: refused };
  const params = { command: command.name, comment: by.comment };
  const audit: NewMachineEvent = { type: 'NODE', code: 'command', params, atMs, username: by.username };
  const remark: Remark | undefined = by.comment === '' ? undefined : { code: 'said', params: { text: by.comment } };
  if (isRepeated(machine, command.name)) {
    const fields = { status: machine.status, ...(remark === undefined ? {} : { statusReason: remark }) };
    return { kind: 'change', fields, events: [audit] };
  }
  const switchesOff = options.switches === 'on-and-off';
  const path = chooseStatusPath(machine, command, switchesOff, atMs);
  const last = path.at(-1) ?? machine.status;
  const change = enterStatuses(machine, path, {
    atMs,
    clock: options.clock,
    username: by.username,
    reason: remark ?? remarkOn(machine, command, switchesOff),
    work: buildWork(command, last, options, machine),
  });
  const named = command.agentName === undefined ? {} : { agentName: command.agentName };
  const isTaken = takesOwnership(machine, command, by);
  const begun = { ...(isTaken ? { owner: by.username } : {}), ...(isTaken || command.name === 'deploy' ? named : {}) };
  // A pending power-off stays unless the command needs another power task.
  const leaves = last === 'exiting-rescue-mode' && isRescueHeard(machine, atMs);
  const endsWork = command.name === 'abort' && last !== 'exiting-rescue-mode';
  const ended = endsWork && switchesOff ? 'off' : undefined;
  const powerTask = leaves ? undefined : (ended ?? choosePowerTask(machine, last, options.switches));
  const isStillEnding = machine.powerTask === 'off' && OFF.has(last);
  const isKept = powerTask === undefined && (isStillEnding || lastingTask(machine) !== undefined);
  const power = isKept ? {} : { powerTask };
  const soon = leaves && switchesOff ? { statusDeadlineMs: atMs + RESCUE_LEAVES_MS_MAX } : {};
  return {
    ...change,
    fields: { ...change.fields, ...begun, ...buildSystemFields(command), ...power, ...soon },
    events: [audit, ...change.events],
    // A deployment without user data removes the user data of an earlier one.
    ...(command.name === 'deploy' ? { userData: command.deployment?.userData ?? null } : {}),
  };
}

/**
 * The command without options of other commands, so that only `deploy` deploys and only `release`
 * erases.
 */
function pickOwnOptions(machineCommand: MachineCommand): MachineCommand {
  const { name, skipsCommissioning, erase, deployment, scripts, agentName, bridges } = machineCommand;
  if (name === 'commission' || name === 'test') return { name, scripts };
  if (name === 'deploy') return { name, deployment, agentName, bridges };
  if (name === 'release') return { name, erase };
  if (name === 'allocate') return { name, agentName, bridges };
  return { name, skipsCommissioning };
}

function refusePath(machine: Machine, command: MachineCommand): CommandRefusal | undefined {
  let at = machine.status;
  for (const to of chooseStatusPath(machine, command, true, 0)) {
    const misstep = checkTransition(at, to);
    if (misstep !== undefined) return misstep;
    at = to;
  }
  return undefined;
}

function chooseStatusPath(
  machine: Machine,
  command: MachineCommand,
  switchesOff: boolean,
  atMs: number,
): readonly MachineStatus[] {
  const { status } = machine;
  const target = COMMANDS[command.name].moves?.[status];
  if (target === undefined) return [];
  // Wait only if a driver can switch the machine or it still reports.
  const leaveRescue = (): readonly MachineStatus[] =>
    switchesOff || isRescueHeard(machine, atMs)
      ? ['exiting-rescue-mode']
      : ['exiting-rescue-mode', restingStatus(machine)];
  switch (command.name) {
    case 'accept':
      return [command.skipsCommissioning === true ? 'ready' : 'commissioning'];
    case 'deploy':
      return status === 'ready' ? ['allocated', 'deploying'] : ['deploying'];
    case 'release':
      if (status === 'missing' && command.erase === undefined) return ['ready'];
      if (command.erase !== undefined) return ['disk-erasing'];
      // Nothing is running, or no driver can switch it off.
      return switchesOff && status !== 'allocated' && status !== 'reserved' ? ['releasing'] : ['releasing', 'ready'];
    case 'exit-rescue':
      return leaveRescue();
    case 'abort':
      if (status === 'entering-rescue-mode') return leaveRescue();
      return [target === BEFORE ? chooseStatusBefore(machine) : target];
    default:
      return [target === BEFORE ? chooseStatusBefore(machine) : target];
  }
}

/** Unknown: the machine becomes Broken, so that a person checks it. */
export const restingStatus = (machine: Machine): MachineStatus => machine.restingStatus ?? 'broken';

function chooseStatusBefore(machine: Machine): MachineStatus {
  const resting = machine.restingStatus ?? machine.work?.before;
  if (machine.status === 'commissioning') return beforeCommissioning(machine);
  if (machine.status === 'testing') return afterTesting(machine);
  return resting === 'deployed' ? 'deployed' : 'ready';
}

/** The state before commissioning if the table of states allows returning to it; otherwise New. */
function beforeCommissioning({ work }: Machine): MachineStatus {
  const before = work?.before ?? 'new';
  return checkTransition('commissioning', before) === undefined ? before : 'new';
}

function buildWork(
  command: MachineCommand,
  to: MachineStatus,
  { switches, by }: CommandOptions,
  machine: Machine,
): Omit<MachineWork, 'before' | 'attempts'> | undefined {
  const row = statusRow(to);
  if (row.failed === undefined) return undefined;
  const { deployment, erase, scripts } = command;
  return {
    // One that may stay off is waited for, until it starts or a person presses its button. A machine leaving
    // its rescue is already running.
    waitsForBoot: switches !== 'on-and-off' && to !== 'exiting-rescue-mode',
    ...(command.name === 'rescue' ? { askedBy: by.username } : {}),
    ...(deployment === undefined
      ? {}
      : { deployBy: deployment.deployBy, disk: deployment.disk ?? chosenDisk(machine) }),
    ...(erase === undefined ? {} : { erase }),
    ...(scripts === undefined ? {} : { scripts }),
  };
}

/** True if the command makes this person the owner. */
const takesOwnership = (machine: Machine, { name }: MachineCommand, by: Actor): boolean =>
  name === 'allocate' || (name === 'deploy' && machine.owner === undefined && by.username !== '');

const buildSystemFields = ({ deployment }: MachineCommand): Partial<Machine> =>
  deployment === undefined
    ? {}
    : { osystem: deployment.osystem, release: deployment.release, kernel: deployment.kernel };

const OFF: ReadonlySet<MachineStatus> = new Set([
  'ready',
  'new',
  'allocated',
  'releasing',
  'retired',
  'failed-disk-erasing',
]);

function choosePowerTask(machine: Machine, to: MachineStatus, switches: Switching): PowerTask | undefined {
  if (switches === 'nothing') return undefined;
  if (statusRow(to).failed !== undefined && to !== 'releasing' && to !== 'exiting-rescue-mode') return 'cycle';
  if (switches === 'on') return undefined;
  if (to === 'exiting-rescue-mode') return machine.restingStatus === 'deployed' ? 'cycle' : 'off';
  // A machine from Ready or New is already off.
  return OFF.has(to) && machine.status !== 'ready' && machine.status !== 'new' ? 'off' : undefined;
}

function remarkOn(machine: Machine, { name, erase }: MachineCommand, switchesOff: boolean): Remark | undefined {
  const isRunning = machine.status === 'deployed' || machine.status === 'rescue-mode';
  if (switchesOff || !isRunning) return undefined;
  if (name === 'release' && erase === undefined) return { code: 'may-be-running', params: {} };
  return undefined;
}
