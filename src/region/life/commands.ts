// Whether a person may give a command to a machine in its state (`records/machine-commands.ts` has
// the commands).
//
// 1. The refusal of an impossible command lists the possible ones.
// 2. A Broken machine may be marked as broken again, as in MAAS: only the reason changes, if one is given.

import type { Clock } from '../../ground/clock.ts';
import type { Switching } from '../../power/driver.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine, MachineOutline } from '../records/machine.ts';
import { COMMAND_NAMES, COMMANDS, type CommandName, commandWord } from '../records/machine-commands.ts';
import type { LaidInterface } from '../records/machine-layout.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import type { EraseMode, MachineWork } from '../records/work.ts';
import { whose } from './transition.ts';

export interface MachineCommand {
  readonly name: CommandName;
  /** `accept`: skip commissioning, for a machine that cannot report its hardware. */
  readonly skipsCommissioning?: boolean | undefined;
  /** `release`: what to erase first. */
  readonly erase?: EraseMode | undefined;
  /** `commission`, `test`: the operators' scripts to run; `undefined`: all of that kind. */
  readonly scripts?: readonly string[] | undefined;
  /** `allocate`: the caller finds the machine again by it. */
  readonly agentName?: string | undefined;
  /**
   * `allocate`, `deploy`: the settings of the bridges to make on the interfaces that get addresses;
   * `undefined`: none.
   */
  readonly bridges?: LaidInterface['params'] | undefined;
  readonly deployment?: Deployment | undefined;
}

export interface Deployment {
  readonly osystem: string;
  readonly release: string;
  /** By its subarchitecture; undefined: the image's own. */
  readonly kernel?: string | undefined;
  readonly deployBy: NonNullable<MachineWork['deployBy']>;
  readonly disk?: string | undefined;
  readonly userData?: Uint8Array | undefined;
}

export interface Actor {
  readonly username: string;
  readonly isAdmin: boolean;
  /** May be empty. */
  readonly comment: string;
}

export interface CommandOptions {
  readonly atMs: number;
  readonly clock: Clock;
  readonly by: Actor;
  readonly switches: Switching;
}

export type CommandRefusal = RefusalWord;

export const commandsFrom = (status: MachineStatus): readonly CommandName[] =>
  COMMAND_NAMES.filter((name) => COMMANDS[name].moves?.[status] !== undefined);

/** True if a person may give the command to the machine in its state (`commandsFrom`). */
export const mayCommand = (machine: Machine, name: CommandName, by: Actor): boolean =>
  refuseActor(machine, name, by) === undefined;

/** The refusal of a command because of the person, a lock or the state. */
export const refuseCommand = (machine: MachineOutline, name: CommandName, by: Actor): CommandRefusal | undefined =>
  refuseActor(machine, name, by) ?? refuseMachine(machine, name);

/** The refusal of a command because of a lock or the state. */
export const refuseMachine = (machine: MachineOutline, name: CommandName): CommandRefusal | undefined =>
  refuseLocked(machine) ?? refuseState(machine, name);

function refuseActor(machine: MachineOutline, name: CommandName, by: Actor): CommandRefusal | undefined {
  const { hostname, owner } = machine;
  const { by: roles = [] } = COMMANDS[name];
  const isTheirs = owner === undefined ? roles.includes('anyone') : roles.includes('owner') && owner === by.username;
  if (by.isAdmin || isTheirs) return undefined;
  return refusal('not-owner', `${hostname} ${whose(owner)}: only an administrator may use ${commandWord(name)}.`);
}

export const lockedText = (machine: string, systemId: string): string =>
  `${machine} is locked: run \`rackboot machines unlock ${systemId}\` first.`;

function refuseLocked({ hostname, systemId, isLocked }: MachineOutline): CommandRefusal | undefined {
  return isLocked === true ? refusal('machine-locked', lockedText(hostname, systemId)) : undefined;
}

export const isRepeated = ({ status }: Pick<Machine, 'status'>, name: CommandName): boolean =>
  name === 'mark-broken' && status === 'broken';

function refuseState({ hostname, status }: MachineOutline, name: CommandName): CommandRefusal | undefined {
  if (COMMANDS[name].moves?.[status] !== undefined || isRepeated({ status }, name)) return undefined;
  const params = { machine: hostname, state: statusRow(status).name, command: commandWord(name) };
  return refusal(
    'transition-not-allowed',
    `${params.machine} is in the state ${params.state}: ${params.command} is not possible. Possible: ${commandsFrom(status).map(commandWord).join(', ') || 'nothing'}.`,
  );
}
