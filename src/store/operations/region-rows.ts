// The records of machines, their parts and accounts in the rows of region.db.

import type { MachineAddress } from '../../machines/machine.ts';
import type { ApiKey } from '../../region/records/account-store.ts';
import { readStoredFacts } from '../../region/records/hardware-facts.ts';
import { findStatusByNumber, type MachineStatus, statusRow } from '../../region/records/lifecycle.ts';
import {
  INTERFACE_SOURCES,
  type Machine,
  type MachineFields,
  type MachineForRacks,
  type MachineInterface,
  type MachineOutline,
  type MachineTag,
  type PowerState,
  type UntouchedMachine,
} from '../../region/records/machine.ts';
import type { MachineLayout } from '../../region/records/machine-layout.ts';
import { POWER_TASKS } from '../../region/records/power-task.ts';
import type { NewestRuns } from '../../region/records/script-store.ts';
import type { User } from '../../region/records/user.ts';
import type { MachineWork } from '../../region/records/work.ts';
import {
  type Column,
  codec,
  flag,
  ipv4Column,
  json,
  macColumn,
  mapColumn,
  number,
  optional,
  type Row,
  text,
  wordColumn,
} from '../rows.ts';
import { packRemark, unpackRemark } from './stored-event.ts';

const statusColumn = (name: string): Column<MachineStatus> =>
  mapColumn(
    number(name),
    (value) => {
      const status = findStatusByNumber(value);
      if (status === undefined) throw new Error(`there is no status ${value}`);
      return status;
    },
    (status) => statusRow(status).number,
  );

/** A column that is false unless it is set. */
const optionalFlag = (name: string): Column<boolean | undefined> => mapColumn(flag(name), Boolean, Boolean);

/** The id of a zone or a pool; the default ones have none. */
const areaColumn = (name: string): Column<number | undefined> =>
  mapColumn(
    optional(number(name)),
    (id) => id,
    (id) => id || undefined,
  );

const POWER_STATES: readonly PowerState[] = ['on', 'off', 'unknown', 'error'];

/** How the fields that decisions change are stored. */
const machineFields = {
  hostname: text('hostname'),
  domain: text('domain'),
  description: text('description'),
  status: statusColumn('status'),
  restingStatus: optional(statusColumn('resting_status')),
  statusReason: mapColumn(text('status_message'), unpackRemark, packRemark),
  statusSinceMs: number('status_since_ms'),
  statusDeadlineMs: optional(number('status_deadline_ms')),
  architecture: text('architecture'),
  subarchitecture: text('subarchitecture'),
  osystem: text('osystem'),
  release: text('release'),
  netboot: flag('netboot'),
  powerType: text('power_type'),
  powerParameters: json<Machine['powerParameters']>('power_parameters'),
  powerState: wordColumn('power_state', POWER_STATES),
  owner: optional(text('owner')),
  kernelParams: optional(text('kernel_params')),
  uuid: optional(text('uuid')),
  serial: optional(text('serial')),
  facts: optional(mapColumn(text('facts'), readStoredFacts, JSON.stringify)),
  factsMs: optional(number('facts_ms')),
  vouchedMac: optional(macColumn('vouched_mac')),
  bootToken: optional(text('boot_token')),
  endedDigest: optional(text('ended_digest')),
  powerIsProposed: optionalFlag('power_proposed'),
  work: optional(json<MachineWork>('work')),
  powerTask: optional(wordColumn('power_task', POWER_TASKS)),
  ownerData: mapColumn<Readonly<Record<string, string>>, Machine['ownerData']>(
    json('owner_data'),
    (notes) => notes,
    (notes) => notes ?? {},
  ),
  isLocked: optionalFlag('is_locked'),
  enlistedFrom: optional(ipv4Column('enlisted_from')),
  home: optional(ipv4Column('home')),
  addedBy: optional(text('added_by')),
  zoneId: areaColumn('zone_id'),
  poolId: areaColumn('pool_id'),
  layout: optional(json<MachineLayout>('layout')),
  device: optional(text('device')),
  agentName: optional(text('agent_name')),
  kernel: optional(text('kernel')),
  oldestKernel: optional(text('oldest_kernel')),
};

export const MACHINE_FIELDS = codec<MachineFields>(machineFields);

/** The parts of a machine that have their own tables. */
export interface MachineParts {
  readonly interfaces: readonly MachineInterface[];
  readonly addresses: readonly MachineAddress[];
  readonly tags: readonly MachineTag[];
}

const identityColumns = { id: number('id'), systemId: text('system_id') };

const MACHINE = codec<Omit<Machine, keyof MachineParts | 'zone' | 'pool'>>({
  ...identityColumns,
  ...machineFields,
  createdMs: number('created_ms'),
  powerTaskId: optional(text('power_task_id')),
  runs: optional(json<NewestRuns>('runs')),
});

export const readMachine = (row: Row, parts: MachineParts): Machine => ({ ...MACHINE.read(row), ...parts });

const { hostname, domain, status, restingStatus, architecture, subarchitecture, release, netboot } = machineFields;
const { kernelParams, uuid, home, bootToken, work, device, addedBy, owner, isLocked, poolId } = machineFields;

/** The columns of a machine that racks need. */
export const RACK_MACHINE = codec<Omit<MachineForRacks, keyof MachineParts | 'pool'>>({
  ...identityColumns,
  hostname,
  domain,
  status,
  restingStatus,
  architecture,
  subarchitecture,
  release,
  netboot,
  kernelParams,
  uuid,
  home,
  bootToken,
  work,
  device,
  addedBy,
  poolId,
});

export const OUTLINE = codec<MachineOutline>({ systemId: identityColumns.systemId, hostname, status, owner, isLocked });

export const readUntouched = codec<UntouchedMachine>({
  systemId: identityColumns.systemId,
  hostname,
  address: optional(ipv4Column('enlisted_from')),
  isProven: mapColumn(optional(number('vouched_mac')), (mac) => mac !== undefined, Number),
  heardMs: number('updated_ms'),
}).read;

export const readAllocation = codec<MachineAddress>({ mac: macColumn('mac'), address: ipv4Column('address') }).read;

export const readMachineTag = codec<MachineTag>({ name: text('name'), kernelParams: text('words') }).read;

const INTERFACE = codec<Omit<MachineInterface, 'isEnded'>>({
  id: number('id'),
  name: text('name'),
  mac: macColumn('mac'),
  address: optional(ipv4Column('address')),
  source: wordColumn('source', INTERFACE_SOURCES),
});
export const readInterface = (row: Row): MachineInterface => ({
  ...INTERFACE.read(row),
  ...(row.ended_ms === null ? {} : { isEnded: true }),
});

export const USER = codec<Omit<User, 'id'>>({
  username: text('username'),
  email: text('email'),
  passwordHash: text('password_hash'),
  isAdmin: flag('is_admin'),
  createdMs: number('created_ms'),
});
export const readUser = (row: Row): User => ({ id: number('id').read(row), ...USER.read(row) });

export const readKey = codec<ApiKey>({
  tokenKey: text('token_key'),
  consumerKey: text('consumer_key'),
  secretDigest: text('secret_digest'),
  name: text('name'),
  username: optional(text('username')),
  systemId: optional(text('system_id')),
  createdMs: number('created_ms'),
  usedMs: number('used_ms'),
}).read;
