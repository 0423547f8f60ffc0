// Converts rows of region.db to the region's values and back.
//
// 1. A column of an unexpected type throws an error: it is our own bug, or somebody changed the file by hand.
// 2. A value that racks would refuse throws an error, too (`desired-state.ts`): they would refuse the whole state with all other machines.

import type { SQLInputValue } from 'node:sqlite';
import { isFields } from '../../fields.ts';
import { accepts, MACHINE_TEXT_MAX } from '../../machines/desired-state.ts';
import type { MachineAddress } from '../../machines/machine.ts';
import { type Ipv4, ipv4, type MacAddress, mac } from '../../net/address.ts';
import type { ApiKey } from '../../region/records/account-store.ts';
import { readStoredFacts } from '../../region/records/hardware-facts.ts';
import { findStatusByNumber, type MachineStatus, statusRow } from '../../region/records/lifecycle.ts';
import type { MachineForRacks, MachineOutline, UntouchedMachine } from '../../region/records/machine.ts';
import {
  INTERFACE_SOURCES,
  type InterfaceSource,
  type Machine,
  type MachineFields,
  type MachineInterface,
  type MachineTag,
  type PowerState,
} from '../../region/records/machine.ts';
import { readStoredLayout } from '../../region/records/machine-layout.ts';
import { readStoredPowerParameters } from '../../region/records/power-parameters.ts';
import { POWER_TASKS, type PowerTask } from '../../region/records/power-task.ts';
import { readNewestRuns } from '../../region/records/script-store.ts';
import type { User } from '../../region/records/user.ts';
import { readStoredWork } from '../../region/records/work.ts';
import { converted, number, optionalNumber, optionalText, type Row, readsRow, type StoredRow, text } from '../rows.ts';
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
interface MachineParts {
  readonly interfaces: readonly MachineInterface[];
  readonly addresses: readonly MachineAddress[];
  readonly tags: readonly MachineTag[];
}

/** Converts a column that may be null. */
function optional<V, T>(column: string, value: V | undefined, convert: (value: V) => T): T | undefined {
  return value === undefined ? undefined : converted(column, value, convert);
}

const macOf = (row: Row, column: string): MacAddress =>
  converted(column, number(row, column), (value) => mac(fit(value, accepts.mac, 'holds no hardware address')));

/** @throws Error if it is not an IPv4 address */
export const ipv4Of = (value: number): Ipv4 => ipv4(fit(value, accepts.address, 'holds no IPv4 address'));

function fit<T>(value: T, isFit: (value: T) => boolean, why: string): T {
  if (!isFit(value)) throw new Error(why);
  return value;
}

const rackText = (row: Row, column: string): string =>
  converted(column, text(row, column), (value) => fit(value, accepts.text, 'holds a text that is too long'));

const optionalRackText = (row: Row, column: string): string | undefined =>
  row[column] === null ? undefined : rackText(row, column);

export const readAllocation = readsRow(
  'allocation',
  (row): MachineAddress => ({ mac: macOf(row, 'mac'), address: converted('address', number(row, 'address'), ipv4Of) }),
);

export const readMachineTag = readsRow(
  'tag',
  (row): MachineTag => ({ name: text(row, 'name'), kernelParams: rackText(row, 'kernel_params') }),
);

/** An unknown source counts as hearsay. */
function sourceOf(value: string): InterfaceSource {
  return INTERFACE_SOURCES.find((source) => source === value) ?? 'hearsay';
}

export const readInterface = readsRow('interface', (row): MachineInterface => {
  return {
    id: number(row, 'id'),
    name: text(row, 'name'),
    mac: macOf(row, 'mac'),
    address: optional('address', optionalNumber(row, 'address'), ipv4Of),
    ...(optionalNumber(row, 'ended_ms') === undefined ? {} : { isEnded: true }),
    source: sourceOf(text(row, 'source')),
  };
});

/** The columns of a machine that racks need. */
const readForRacks = (row: Row): Named<Omit<MachineForRacks, keyof MachineParts | 'isDamaged'>> => ({
  id: number(row, 'id'),
  systemId: rackText(row, 'system_id'),
  hostname: rackText(row, 'hostname'),
  domain: rackText(row, 'domain'),
  status: converted('status', number(row, 'status'), statusOf),
  restingStatus: optional('resting_status', optionalNumber(row, 'resting_status'), statusOf),
  architecture: rackText(row, 'architecture'),
  subarchitecture: rackText(row, 'subarchitecture'),
  release: rackText(row, 'release'),
  netboot: number(row, 'netboot') !== 0,
  kernelParams: optionalRackText(row, 'kernel_params'),
  uuid: optional('uuid', optionalText(row, 'uuid'), (value) => fit(value, accepts.uuid, 'holds no UUID')),
  home: optional('home', optionalNumber(row, 'home'), ipv4Of),
  bootToken: optional('boot_token', optionalText(row, 'boot_token'), (value) =>
    fit(value, accepts.token, 'holds no boot token'),
  ),
  work: optional('work', optionalText(row, 'work'), readStoredWork),
  device: optionalText(row, 'device'),
  addedBy: optionalText(row, 'added_by'),
});

export const readRackMachine = readsRow('machine', readForRacks);

/**
 * The values of a damaged machine for racks. Its names and addresses stay, and it boots its own disk, so nothing overwrites that disk.
 * Token and home are removed, because they may be the damaged values.
 */
const HARMLESS_FOR_RACKS: Row = {
  status: statusRow('deployed').number,
  resting_status: null,
  netboot: 0,
  work: null,
  home: null,
  boot_token: null,
  uuid: null,
  kernel_params: null,
};

/** Reads a damaged row with harmless values; a text that is too long for racks is cut. */
export function readHarmless(row: StoredRow): Omit<MachineForRacks, keyof MachineParts> {
  const cut = Object.entries(row).map(([column, value]) => [
    column,
    typeof value === 'string' ? value.slice(0, MACHINE_TEXT_MAX) : value,
  ]);
  return readRackMachine({ ...Object.fromEntries(cut), ...HARMLESS_FOR_RACKS });
}

/** The same type, of which an optional field must be named, too. */
type Named<T> = { readonly [Field in keyof Required<T>]: T[Field] };

const readColumns = readsRow('machine', (row): Named<Omit<Machine, keyof MachineParts | 'zone' | 'pool'>> => {
  return {
    ...readForRacks(row),
    description: text(row, 'description'),
    statusReason: converted('status_message', text(row, 'status_message'), unpackRemark),
    statusSinceMs: number(row, 'status_since_ms'),
    statusDeadlineMs: optionalNumber(row, 'status_deadline_ms'),
    osystem: text(row, 'osystem'),
    powerType: text(row, 'power_type'),
    powerParameters: converted('power_parameters', text(row, 'power_parameters'), readStoredPowerParameters),
    powerState: powerStateOf(text(row, 'power_state')),
    owner: optionalText(row, 'owner'),
    serial: optionalText(row, 'serial'),
    facts: optional('facts', optionalText(row, 'facts'), readStoredFacts),
    factsMs: optionalNumber(row, 'facts_ms'),
    vouchedMac: optional('vouched_mac', optionalNumber(row, 'vouched_mac'), mac),
    enlistedFrom: optional('enlisted_from', optionalNumber(row, 'enlisted_from'), ipv4),
    endedDigest: optionalText(row, 'ended_digest'),
    powerIsProposed: number(row, 'power_proposed') !== 0,
    createdMs: number(row, 'created_ms'),
    powerTask: powerTaskOf(optionalText(row, 'power_task')),
    powerTaskId: optionalText(row, 'power_task_id'),
    zoneId: optionalNumber(row, 'zone_id'),
    poolId: optionalNumber(row, 'pool_id'),
    ownerData: converted('owner_data', text(row, 'owner_data'), readOwnerData),
    isLocked: number(row, 'is_locked') !== 0,
    layout: optional('layout', optionalText(row, 'layout'), readStoredLayout),
    runs: optional('runs', optionalText(row, 'runs'), readNewestRuns),
    agentName: optionalText(row, 'agent_name'),
    kernel: optionalText(row, 'kernel'),
    oldestKernel: optionalText(row, 'oldest_kernel'),
  };
});

export const readMachine = (row: StoredRow, parts: MachineParts): Machine => ({ ...readColumns(row), ...parts });

/** The columns that `readOutline` reads. */
export const OUTLINE_COLUMNS = 'system_id, hostname, status, owner, is_locked';

export const readOutline = readsRow(
  'machine',
  (row): MachineOutline => ({
    systemId: text(row, 'system_id'),
    hostname: text(row, 'hostname'),
    status: converted('status', number(row, 'status'), statusOf),
    owner: optionalText(row, 'owner'),
    isLocked: number(row, 'is_locked') !== 0,
  }),
);

export const readUntouched = readsRow('machine', (row): UntouchedMachine => {
  return {
    systemId: text(row, 'system_id'),
    hostname: text(row, 'hostname'),
    address: optional('enlisted_from', optionalNumber(row, 'enlisted_from'), ipv4),
    isProven: optionalNumber(row, 'vouched_mac') !== undefined,
    heardMs: number(row, 'updated_ms'),
  };
});

/** Reads owner data, which is stored as it came from the API. */
function readOwnerData(json: string): Readonly<Record<string, string>> {
  const stored: unknown = JSON.parse(json);
  if (!isFields(stored)) throw new TypeError('it is not a record of fields');
  const texts = Object.entries(stored).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (texts.length < Object.keys(stored).length) throw new TypeError('some of its values are not texts');
  return Object.fromEntries(texts);
}

/** The column of a field, its value there, and whether that is a number or a text. */
type Stored = readonly [column: string, write: (fields: MachineFields) => SQLInputValue, kind?: 'number'];

/** How each field of a machine is stored. One without an entry does not compile. */
const STORED: { readonly [Field in keyof Required<MachineFields>]: Stored } = {
  hostname: ['hostname', ({ hostname }) => hostname],
  domain: ['domain', ({ domain }) => domain],
  description: ['description', ({ description }) => description],
  status: ['status', ({ status }) => statusRow(status).number, 'number'],
  restingStatus: [
    'resting_status',
    ({ restingStatus }) => (restingStatus === undefined ? null : statusRow(restingStatus).number),
    'number',
  ],
  statusReason: ['status_message', ({ statusReason }) => packRemark(statusReason)],
  statusSinceMs: ['status_since_ms', ({ statusSinceMs }) => statusSinceMs, 'number'],
  statusDeadlineMs: ['status_deadline_ms', ({ statusDeadlineMs }) => statusDeadlineMs ?? null, 'number'],
  architecture: ['architecture', ({ architecture }) => architecture],
  subarchitecture: ['subarchitecture', ({ subarchitecture }) => subarchitecture],
  osystem: ['osystem', ({ osystem }) => osystem],
  release: ['release', ({ release }) => release],
  netboot: ['netboot', ({ netboot }) => (netboot ? 1 : 0), 'number'],
  powerType: ['power_type', ({ powerType }) => powerType],
  powerParameters: ['power_parameters', ({ powerParameters }) => JSON.stringify(powerParameters)],
  powerState: ['power_state', ({ powerState }) => powerState],
  owner: ['owner', ({ owner }) => owner ?? null],
  kernelParams: ['kernel_params', ({ kernelParams }) => kernelParams ?? null],
  uuid: ['uuid', ({ uuid }) => uuid ?? null],
  serial: ['serial', ({ serial }) => serial ?? null],
  facts: ['facts', ({ facts }) => (facts === undefined ? null : JSON.stringify(facts))],
  factsMs: ['facts_ms', ({ factsMs }) => factsMs ?? null, 'number'],
  vouchedMac: ['vouched_mac', ({ vouchedMac }) => vouchedMac ?? null, 'number'],
  bootToken: ['boot_token', ({ bootToken }) => bootToken ?? null],
  endedDigest: ['ended_digest', ({ endedDigest }) => endedDigest ?? null],
  powerIsProposed: ['power_proposed', ({ powerIsProposed }) => (powerIsProposed === true ? 1 : 0), 'number'],
  work: ['work', ({ work }) => (work === undefined ? null : JSON.stringify(work))],
  powerTask: ['power_task', ({ powerTask }) => powerTask ?? null],
  ownerData: ['owner_data', ({ ownerData }) => JSON.stringify(ownerData ?? {})],
  isLocked: ['is_locked', ({ isLocked }) => (isLocked === true ? 1 : 0), 'number'],
  enlistedFrom: ['enlisted_from', ({ enlistedFrom }) => enlistedFrom ?? null, 'number'],
  home: ['home', ({ home }) => home ?? null, 'number'],
  addedBy: ['added_by', ({ addedBy }) => addedBy ?? null],
  zoneId: ['zone_id', ({ zoneId }) => zoneId || null, 'number'],
  poolId: ['pool_id', ({ poolId }) => poolId || null, 'number'],
  layout: ['layout', ({ layout }) => (layout === undefined ? null : JSON.stringify(layout))],
  device: ['device', ({ device }) => device ?? null],
  agentName: ['agent_name', ({ agentName }) => agentName ?? null],
  kernel: ['kernel', ({ kernel }) => kernel ?? null],
  oldestKernel: ['oldest_kernel', ({ oldestKernel }) => oldestKernel ?? null],
};
const STORED_FIELDS: readonly Stored[] = Object.values(STORED);

/** The columns of `machine` that `MachineFields` fills, in the order of `machineValues`. */
export const MACHINE_COLUMNS = STORED_FIELDS.map(([column]) => column);

/** Those that hold numbers; the others hold texts. */
export const NUMBER_COLUMNS: ReadonlySet<string> = new Set(
  STORED_FIELDS.flatMap(([column, , kind]) => (kind === 'number' ? [column] : [])),
);

export const machineValues = (fields: MachineFields): SQLInputValue[] =>
  STORED_FIELDS.map(([, write]) => write(fields));

/** The columns that `readRackMachine` reads. */
export const RACK_COLUMNS =
  'id, system_id, hostname, domain, status, resting_status, architecture, subarchitecture, release, netboot, kernel_params, uuid, home, ' +
  'boot_token, work, device, added_by';

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
