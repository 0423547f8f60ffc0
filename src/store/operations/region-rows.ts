// Converts rows of region.db to the region's values and back.
//
// 1. A column of an unexpected type throws: it is our own bug, or the file was changed by hand.

import type { SQLInputValue } from 'node:sqlite';
import type { MachineAddress } from '../../machines/machine.ts';
import { ipv4, mac } from '../../net/address.ts';
import { readStoredFacts } from '../../region/records/hardware-facts.ts';
import { findStatusByNumber, type MachineStatus, statusRow } from '../../region/records/lifecycle.ts';
import type { MachineOutline, UntouchedMachine } from '../../region/records/machine.ts';
import {
  INTERFACE_SOURCES,
  type InterfaceSource,
  type Machine,
  type MachineFields,
  type MachineInterface,
  type MachineTag,
  type PowerState,
} from '../../region/records/machine.ts';
import { readStoredPowerParameters } from '../../region/records/power-parameters.ts';
import { POWER_TASKS, type PowerTask } from '../../region/records/power-task.ts';
import type { ApiKey } from '../../region/records/store.ts';
import type { User } from '../../region/records/user.ts';
import { readStoredWork } from '../../region/records/work.ts';
import { number, optionalNumber, optionalText, type Row, readsRow, text } from '../rows.ts';
import { packRemark, unpackRemark } from './stored-event.ts';

function statusOf(value: number): MachineStatus {
  const status = findStatusByNumber(value);
  if (status === undefined) throw new Error(`there is no status ${value}`);
  return status;
}

function powerStateOf(value: string): PowerState {
  return value === 'on' || value === 'off' || value === 'error' ? value : 'unknown';
}

function powerTaskOf(value: string | undefined): PowerTask | undefined {
  return POWER_TASKS.find((task) => task === value);
}

/** The parts of a machine that have their own tables. */
export interface MachineParts {
  readonly interfaces: readonly MachineInterface[];
  readonly addresses: readonly MachineAddress[];
  readonly tags: readonly MachineTag[];
}

export const readAllocation = (row: Row): MachineAddress => ({
  mac: mac(number(row, 'mac')),
  address: ipv4(number(row, 'address')),
});

export const readMachineTag = (row: Row): MachineTag => ({
  name: text(row, 'name'),
  kernelParams: text(row, 'kernel_params'),
});

/** An unknown source counts as hearsay. */
function sourceOf(value: string): InterfaceSource {
  return INTERFACE_SOURCES.find((source) => source === value) ?? 'hearsay';
}

export const readInterface = readsRow('interface', (row): MachineInterface => {
  const address = optionalNumber(row, 'address');
  return {
    id: number(row, 'id'),
    name: text(row, 'name'),
    mac: mac(number(row, 'mac')),
    address: address === undefined ? undefined : ipv4(address),
    ...(optionalNumber(row, 'ended_ms') === undefined ? {} : { isEnded: true }),
    source: sourceOf(text(row, 'source')),
  };
});

const readColumns = readsRow('machine', (row): Omit<Machine, keyof MachineParts> => {
  const resting = optionalNumber(row, 'resting_status');
  const facts = optionalText(row, 'facts');
  const vouched = optionalNumber(row, 'vouched_mac');
  const work = optionalText(row, 'work');
  const enlistedFrom = optionalNumber(row, 'enlisted_from');
  const home = optionalNumber(row, 'home');
  return {
    id: number(row, 'id'),
    systemId: text(row, 'system_id'),
    hostname: text(row, 'hostname'),
    domain: text(row, 'domain'),
    description: text(row, 'description'),
    status: statusOf(number(row, 'status')),
    restingStatus: resting === undefined ? undefined : statusOf(resting),
    statusReason: unpackRemark(text(row, 'status_message')),
    statusSinceMs: number(row, 'status_since_ms'),
    statusDeadlineMs: optionalNumber(row, 'status_deadline_ms'),
    architecture: text(row, 'architecture'),
    subarchitecture: text(row, 'subarchitecture'),
    osystem: text(row, 'osystem'),
    release: text(row, 'release'),
    netboot: number(row, 'netboot') !== 0,
    powerType: text(row, 'power_type'),
    powerParameters: readStoredPowerParameters(text(row, 'power_parameters')),
    powerState: powerStateOf(text(row, 'power_state')),
    owner: optionalText(row, 'owner'),
    kernelParams: optionalText(row, 'kernel_params'),
    uuid: optionalText(row, 'uuid'),
    serial: optionalText(row, 'serial'),
    facts: facts === undefined ? undefined : readStoredFacts(facts),
    factsMs: optionalNumber(row, 'facts_ms'),
    vouchedMac: vouched === undefined ? undefined : mac(vouched),
    enlistedFrom: enlistedFrom === undefined ? undefined : ipv4(enlistedFrom),
    home: home === undefined ? undefined : ipv4(home),
    addedBy: optionalText(row, 'added_by'),
    bootToken: optionalText(row, 'boot_token'),
    endedDigest: optionalText(row, 'ended_digest'),
    powerIsProposed: number(row, 'power_proposed') !== 0,
    createdMs: number(row, 'created_ms'),
    work: work === undefined ? undefined : readStoredWork(work),
    powerTask: powerTaskOf(optionalText(row, 'power_task')),
    powerTaskId: optionalText(row, 'power_task_id'),
    ownerData: JSON.parse(text(row, 'owner_data')),
    isLocked: number(row, 'is_locked') !== 0,
    updatedMs: number(row, 'updated_ms'),
  };
});

export const readMachine = (row: Row, parts: MachineParts): Machine => ({ ...readColumns(row), ...parts });

/** The columns that `readOutline` reads. */
export const OUTLINE_COLUMNS = 'system_id, hostname, status, owner, is_locked';

export const readOutline = readsRow(
  'machine',
  (row): MachineOutline => ({
    systemId: text(row, 'system_id'),
    hostname: text(row, 'hostname'),
    status: statusOf(number(row, 'status')),
    owner: optionalText(row, 'owner'),
    isLocked: number(row, 'is_locked') !== 0,
  }),
);

export const readUntouched = readsRow('machine', (row): UntouchedMachine => {
  const address = optionalNumber(row, 'enlisted_from');
  return {
    systemId: text(row, 'system_id'),
    hostname: text(row, 'hostname'),
    address: address === undefined ? undefined : ipv4(address),
    isProven: optionalNumber(row, 'vouched_mac') !== undefined,
    heardMs: number(row, 'updated_ms'),
  };
});

/** The columns of `machine` that `MachineFields` fills, in the order of `machineValues`. */
export const MACHINE_COLUMNS = [
  'hostname',
  'domain',
  'description',
  'status',
  'resting_status',
  'status_message',
  'status_since_ms',
  'status_deadline_ms',
  'architecture',
  'subarchitecture',
  'osystem',
  'release',
  'netboot',
  'power_type',
  'power_parameters',
  'power_state',
  'owner',
  'kernel_params',
  'uuid',
  'serial',
  'facts',
  'facts_ms',
  'vouched_mac',
  'boot_token',
  'ended_digest',
  'power_proposed',
  'work',
  'power_task',
  'owner_data',
  'is_locked',
  'enlisted_from',
  'home',
  'added_by',
] as const;

const LARGE_COLUMNS: ReadonlySet<string> = new Set(['facts', 'owner_data']);
/** The columns of `machine` for `readMachine`, with the large ones empty. */
export const RACK_COLUMNS = [
  ...['id', 'system_id', 'power_task_id', 'created_ms', 'updated_ms', ...MACHINE_COLUMNS].filter(
    (column) => !LARGE_COLUMNS.has(column),
  ),
  'NULL AS facts',
  "'{}' AS owner_data",
].join(', ');

export function machineValues(fields: MachineFields): SQLInputValue[] {
  return [
    fields.hostname,
    fields.domain,
    fields.description,
    statusRow(fields.status).number,
    fields.restingStatus === undefined ? null : statusRow(fields.restingStatus).number,
    packRemark(fields.statusReason),
    fields.statusSinceMs,
    fields.statusDeadlineMs ?? null,
    fields.architecture,
    fields.subarchitecture,
    fields.osystem,
    fields.release,
    fields.netboot ? 1 : 0,
    fields.powerType,
    JSON.stringify(fields.powerParameters),
    fields.powerState,
    fields.owner ?? null,
    fields.kernelParams ?? null,
    fields.uuid ?? null,
    fields.serial ?? null,
    fields.facts === undefined ? null : JSON.stringify(fields.facts),
    fields.factsMs ?? null,
    fields.vouchedMac ?? null,
    fields.bootToken ?? null,
    fields.endedDigest ?? null,
    fields.powerIsProposed === true ? 1 : 0,
    fields.work === undefined ? null : JSON.stringify(fields.work),
    fields.powerTask ?? null,
    JSON.stringify(fields.ownerData ?? {}),
    fields.isLocked === true ? 1 : 0,
    fields.enlistedFrom ?? null,
    fields.home ?? null,
    fields.addedBy ?? null,
  ];
}

export const readUser = readsRow('account', (row): User => {
  return {
    id: number(row, 'id'),
    username: text(row, 'username'),
    email: text(row, 'email'),
    passwordHash: text(row, 'password_hash'),
    isAdmin: number(row, 'is_admin') !== 0,
    createdMs: number(row, 'created_ms'),
  };
});

export const readKey = readsRow('api_key', (row): ApiKey => {
  return {
    tokenKey: text(row, 'token_key'),
    consumerKey: text(row, 'consumer_key'),
    secretDigest: text(row, 'secret_digest'),
    name: text(row, 'name'),
    username: optionalText(row, 'username'),
    systemId: optionalText(row, 'system_id'),
    createdMs: number(row, 'created_ms'),
    usedMs: number(row, 'used_ms'),
  };
});
