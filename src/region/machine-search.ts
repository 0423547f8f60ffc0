// What narrows the list of machines, under the same names on the page, in the API and on the command line: a text, states or groups of
// states, an owner, a rack.

import { counted } from '../counted.ts';
import { formatIpv4, formatMac } from '../net/address.ts';
import { type MachineStatus, parseStatus, STATUSES, statusRow } from './records/lifecycle.ts';
import { type Machine, machineFqdn } from './records/machine.ts';
import type { Rack } from './records/rack.ts';

/** The longest text that is looked for. */
export const SEARCH_CHARACTERS_MAX = 100;

/** Somebody has to look after it. */
export const isProblem = (status: MachineStatus): boolean =>
  status.startsWith('failed') || status === 'broken' || status === 'missing';
/** It does something that ends by itself. */
export const isWork = (status: MachineStatus): boolean => statusRow(status).failed !== undefined;

const statusesOf = (test: (status: MachineStatus) => boolean): readonly MachineStatus[] =>
  STATUSES.map((row) => row.status).filter(test);

/** The groups of states, in the order in which the page shows their machines. */
export const STATUS_GROUPS = {
  problem: statusesOf(isProblem),
  new: statusesOf((status) => status === 'new'),
  work: statusesOf(isWork),
  calm: statusesOf((status) => status !== 'new' && !isProblem(status) && !isWork(status)),
} as const;

/** Every name that a filter of states takes, beside numbers and the names that people read. */
export const STATUS_NAMES: readonly string[] = ['problem', 'work', ...STATUSES.map((row) => row.status)];

/** The states that a filter names: a group (`problem`, `work`) or a state by name or number; undefined: there is no such state. */
export function parseStatuses(text: string): readonly MachineStatus[] | undefined {
  const wanted = text.toLowerCase();
  if (wanted === 'problem' || wanted === 'work') return STATUS_GROUPS[wanted];
  const status = parseStatus(text);
  return status === undefined ? undefined : [status];
}

/** The text as `hasText` looks for it; empty: everything has it. */
export const parseSearchText = (text: string): string => text.trim().toLowerCase().slice(0, SEARCH_CHARACTERS_MAX);

/** True when the name of a machine, its owner, a tag, an address or what it is told apart by holds a text as `parseSearchText` makes it. */
export function hasText(machine: Machine, text: string): boolean {
  if (text === '') return true;
  const words = [
    machineFqdn(machine),
    machine.systemId,
    machine.owner ?? '',
    machine.serial ?? '',
    machine.description,
    machine.facts?.dmi.product ?? '',
    ...machine.tags.map(({ name }) => name),
    ...machine.interfaces.flatMap(({ mac, address }) => [
      formatMac(mac),
      address === undefined ? '' : formatIpv4(address),
    ]),
    ...machine.addresses.map(({ address }) => formatIpv4(address)),
  ];
  return words.some((word) => word.toLowerCase().includes(text));
}

/** True when a machine of these racks is at home with one of those that are named. @param names undefined: any will do */
export const isWith = (racks: readonly Rack[], names: readonly string[] | undefined): boolean =>
  names === undefined || racks.some(({ name }) => names.includes(name));

/** What is said when a search finds nothing. @param total how many machines there are, at least 1 */
export const noneFits = (total: number): string =>
  total === 1 ? 'There is 1 machine, and it does not fit.' : `None of the ${counted(total, 'machine')} fits.`;
