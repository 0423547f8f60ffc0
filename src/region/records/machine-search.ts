// The filters of the machine list, with the same names on the page, in the API and in commands.

import { formatIpv4, formatMac } from '../../ground/address.ts';
import { type MachineStatus, parseStatus, STATUSES, statusRow } from './lifecycle.ts';
import { type Machine, machineFqdn } from './machine.ts';
import type { Rack } from './rack.ts';

export const SEARCH_CHARACTERS_MAX = 100;

/** True for a state that needs an operator. */
export const isProblem = (status: MachineStatus): boolean =>
  status.startsWith('failed') || status === 'broken' || status === 'missing';
/** True for a state that ends without a command. */
export const isWork = (status: MachineStatus): boolean => statusRow(status).failed !== undefined;

const filterStatuses = (test: (status: MachineStatus) => boolean): readonly MachineStatus[] =>
  STATUSES.map((row) => row.status).filter(test);

/** The groups of states in the order of the page's machine list. */
export const STATUS_GROUPS = {
  problem: filterStatuses(isProblem),
  new: filterStatuses((status) => status === 'new'),
  work: filterStatuses(isWork),
  calm: filterStatuses((status) => status !== 'new' && !isProblem(status) && !isWork(status)),
} as const;

/** Besides numbers and displayed names. */
export const STATUS_NAMES: readonly string[] = ['problem', 'work', ...STATUSES.map((row) => row.status)];

/** A group (`problem`, `work`) or one state by name or number; `undefined`: unknown. */
export function parseStatuses(text: string): readonly MachineStatus[] | undefined {
  const wanted = text.toLowerCase();
  if (wanted === 'problem' || wanted === 'work') return STATUS_GROUPS[wanted];
  const status = parseStatus(text);
  return status === undefined ? undefined : [status];
}

/** A search text as `hasText` expects it; the empty text matches everything. */
export const parseSearchText = (text: string): string => text.trim().toLowerCase().slice(0, SEARCH_CHARACTERS_MAX);

/** All that a search looks through, in lower case, each without line ends. */
export function searchWords(machine: Machine): readonly string[] {
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
  return words.filter((word) => word !== '').map((word) => word.replaceAll('\n', ' ').toLowerCase());
}

/** @param text from `parseSearchText` */
export const hasText = (machine: Machine, text: string): boolean =>
  text === '' || searchWords(machine).some((word) => word.includes(text));

/** @param names undefined: no filter */
export const isWith = (racks: readonly Rack[], names: readonly string[] | undefined): boolean =>
  names === undefined || racks.some(({ name }) => names.includes(name));
