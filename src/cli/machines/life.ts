// `rackboot machines add`, `accept`, `deploy`, `release` and the others: move a machine through its
// life cycle.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { RackError } from '../../ground/errors.ts';
import { askRegion, type Fields, type Where } from '../terminal/asking.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { machineShape } from '../terminal/shapes.ts';
import { formatMachineTitle } from './arguments.ts';
import { encodedParameters } from './machine-power.ts';

/**
 * Describes a machine's state after a command. @param effect what was done to a machine that stays
 * in its state
 */
export function stateText(answer: unknown, effect?: string): string {
  const { status_name: status, ...machine } = machineShape.parse(answer);
  if (effect !== undefined) return `${formatMachineTitle(machine)} is ${effect} now (${status}).`;
  const details = [machine.status_message, machine.ip_addresses.join(' ')].filter((part) => part !== '');
  return `${formatMachineTitle(machine)} is ${status} now${details.length === 0 ? '' : `: ${details.join('; ')}`}.`;
}

/**
 * The fields of a new machine that the region cannot judge alone.
 * @throws RackError `already-exists` for a machine with one of the addresses, `bad-argument`
 */
export async function newMachineFields(
  argv: Where & {
    readonly macs: readonly string[];
    readonly powerType?: string | undefined;
    readonly power: readonly string[];
    readonly commission: boolean;
  },
): Promise<Fields> {
  if (argv.power.length > 0 && argv.powerType === undefined)
    throw new RackError('bad-argument', '--power sets parameters of a driver: name the driver with --power-type');
  // The region would take a known machine for one that enlists again.
  for (const mac of argv.macs) {
    const query = new URLSearchParams({ op: 'is_registered', mac_address: mac });
    if (z.boolean().parse(await askRegion(argv, `${MACHINES_PATH}?${query}`)))
      throw new RackError(
        'already-exists',
        `a machine with the address ${mac} already exists: rackboot machines show ${mac} shows it`,
      );
  }
  return {
    power_parameters: argv.power.length === 0 ? undefined : encodedParameters(argv.power),
    commission: argv.commission ? undefined : 'false',
  };
}

export function addedText(answer: unknown): string {
  const { hostname, status_name: status, ...machine } = machineShape.parse(answer);
  if (status !== 'New') return stateText(answer);
  return `${formatMachineTitle(machine)} is ${status}. To commission it: rackboot machines accept ${hostname}`;
}

/** @param answer the machine that was split off */
export function splitText(answer: unknown): string {
  const splitMachine = machineShape.parse(answer);
  const addresses = splitMachine.interface_set.map(({ mac_address: address }) => address);
  return `${formatMachineTitle(splitMachine)} is a New machine with ${addresses.join(', ')}.`;
}

/** The states in which a machine is off, or has no work from Rackboot. */
const IDLE_STATES: ReadonlySet<string> = new Set(['New', 'Ready', 'Allocated']);

/**
 * A note that a person must switch off a machine whose work has ended, because no power driver can;
 * empty for other machines.
 */
export function stillOnNote(before: PoweredMachine, after: PoweredMachine): string {
  const isManual = after.power_type === '' || after.power_type === 'manual';
  if (!isManual || IDLE_STATES.has(before.status_name) || !IDLE_STATES.has(after.status_name)) return '';
  const disk = before.status_name === 'Deploying' ? ' Its disk may hold a half-written system.' : '';
  return `It was ${before.status_name} and may still be on: no power driver can switch it off, so switch it off by hand.${disk}`;
}

interface PoweredMachine {
  readonly status_name: string;
  readonly power_type?: unknown;
}

/** Describes a machine after the end of its work. */
export const endedText = (before: PoweredMachine, answer: unknown): string =>
  [stateText(answer), stillOnNote(before, machineShape.parse(answer))].filter((text) => text !== '').join('\n');

/** The content of a file in base64. */
export const encodedFile = (path: string): string => readGivenFile(path).toString('base64');
