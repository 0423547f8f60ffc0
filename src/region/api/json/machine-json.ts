// A machine as API 2.0 represents it.
//
// Sources: the keys that strict clients demand (gomaasapi fails a whole list for one missing key;
// terraform wants numbers as numbers) and those that the maas command line prints.
//
// 1. Every machine has every key, always with the same type.
// 2. Nothing here is a secret: power parameters have an operation of their own.

import { formatIpv4, formatMac } from '../../../ground/address.ts';
import { listDisks } from '../../layout/disks.ts';
import type { MachinePlacement } from '../../life/machine-placement.ts';
import type { PowerView } from '../../life/power-life.ts';
import { remarkSentence } from '../../records/events.ts';
import type { HardwareFacts } from '../../records/hardware-facts.ts';
import { statusRow } from '../../records/lifecycle.ts';
import { type Machine, machineFqdn } from '../../records/machine.ts';
import { readingText } from '../../records/power-words.ts';
import type { NewestRuns, ResultStatus, ScriptKind } from '../../records/script-store.ts';
import { getWorkStep } from '../../records/work.ts';
import { domainJson, poolJson, zoneJson } from './area-json.ts';
import { blockDevicesJson, bootDiskIndex, disksJson, storageFields, virtualDevicesJson } from './disk-json.ts';
import { API_2, TEST_STATUSES } from './fixed-json.ts';
import { gatewaysJson, interfacesJson } from './node-interface-json.ts';

const orUnknown = (text: string | undefined) => (text === undefined || text === '' ? 'Unknown' : text);

function hardwareInfo(facts: HardwareFacts | undefined): Record<string, string> {
  const dmi = facts?.dmi;
  return {
    system_vendor: orUnknown(dmi?.vendor),
    system_product: orUnknown(dmi?.product),
    system_family: orUnknown(dmi?.family),
    system_version: orUnknown(dmi?.version),
    system_sku: orUnknown(dmi?.sku),
    system_serial: orUnknown(dmi?.serial),
    cpu_model: orUnknown(facts?.cpu.model),
    mainboard_vendor: orUnknown(dmi?.board_vendor),
    mainboard_product: orUnknown(dmi?.board_name),
    mainboard_serial: orUnknown(dmi?.board_serial),
    mainboard_version: orUnknown(dmi?.board_version),
    mainboard_firmware_vendor: orUnknown(dmi?.bios_vendor),
    mainboard_firmware_version: orUnknown(dmi?.bios_version),
    mainboard_firmware_date: orUnknown(dmi?.bios_date),
    chassis_vendor: orUnknown(dmi?.chassis_vendor),
    chassis_type: orUnknown(dmi?.chassis_type),
    chassis_serial: orUnknown(dmi?.chassis_serial),
  };
}

/** The hardware parts that the firmware reports; MAAS has no fields for them. */
function hardwarePartsJson(facts: HardwareFacts | undefined) {
  return {
    processors: facts?.processors ?? [],
    memory_banks: facts?.memory_banks ?? [],
    memory_slots: facts?.memory_slots ?? 0,
    memory_max_mib: facts?.memory_max_mib ?? 0,
    bmc: facts?.bmc ?? null,
    virtualization: facts?.virtualization ?? '',
    secure_boot: facts?.secure_boot ?? null,
  };
}

const storageMb = (machine: Machine) =>
  Math.round(listDisks(machine).reduce((sum, { facts }) => sum + facts.bytes, 0) / 1e5) / 10;

/** Rackboot's own: the age of the power state in seconds, and why it could not be read, for every reader. */
const powerJson = (power: PowerView | undefined) => ({
  power_state_age: power?.ageSeconds ?? null,
  power_state_text: readingText(power, false),
});

/** The fields that both API versions share. */
export const sharedJson = (machine: Machine, where: MachinePlacement, power: PowerView | undefined) => ({
  ...lastingJson(machine, where),
  ...powerJson(power),
});

/** The shared fields that stay while the machine's record stays. */
export function lastingJson(machine: Machine, where: MachinePlacement) {
  return {
    system_id: machine.systemId,
    architecture: `${machine.architecture}/${machine.subarchitecture}`,
    cpu_count: machine.facts?.cpu.count ?? 0,
    memory: machine.facts?.memory_mib ?? 0,
    storage: storageMb(machine),
    osystem: machine.osystem,
    distro_series: machine.release,
    hwe_kernel: machine.kernel ?? '',
    min_hwe_kernel: machine.oldestKernel ?? '',
    netboot: machine.netboot,
    owner: machine.owner ?? null,
    power_type: machine.powerType,
    power_state: machine.powerState,
    // Rackboot's own: the power task under way.
    power_task: machine.powerTask ?? '',
    tag_names: machine.tags.map(({ name }) => name),
    // Rackboot's own: the home racks.
    rack_names: where.racksOf(machine).map(({ name }) => name),
    ip_addresses: where.addressesOf(machine).map(formatIpv4),
    // Rackboot's own: the addresses assigned to the machine, with or without a lease.
    allocated_ip_addresses: machine.addresses.map(({ address }) => formatIpv4(address)),
  };
}

/** The fixed fields that both API versions share. */
export const SHARED_FIXED = { swap_size: null, disable_ipv4: false };

/** The answer to a machine without a key: its own identity, and nothing about others. */
export function introductionJson(machine: Machine, version: '1.0' | '2.0') {
  const row = statusRow(machine.status);
  const { systemId, hostname } = machine;
  const architecture = `${machine.architecture}/${machine.subarchitecture}`;
  if (version === '1.0') {
    return {
      system_id: systemId,
      hostname: machineFqdn(machine),
      architecture,
      status: row.foldedNumber,
      substatus: row.number,
      substatus_name: row.name,
      resource_uri: `/MAAS/api/1.0/nodes/${systemId}/`,
    };
  }
  return {
    system_id: systemId,
    hostname,
    fqdn: machineFqdn(machine),
    status: row.number,
    status_name: row.name,
    architecture,
    resource_uri: `${API_2}/machines/${machine.systemId}/`,
  };
}

function stepUnderWay({ status, work }: Machine): Partial<ReturnType<typeof getWorkStep>> {
  const isAtWork = work !== undefined && !work.waitsForBoot && statusRow(status).failed !== undefined;
  return isAtWork ? getWorkStep(work) : {};
}

/**
 * When a machine's step of work was reported: wall time in milliseconds; `undefined`: there is
 * none.
 */
export const workAtMs = (machine: Machine): number | undefined => stepUnderWay(machine).atMs;

function workJson(machine: Machine) {
  const { what, percent } = stepUnderWay(machine);
  return { work_text: remarkSentence(what), work_percent: percent ?? null };
}

/**
 * The parts that change while the machine's record stays: ages in seconds at `nowMs`, and the
 * reading of its power.
 */
export const movingJson = (atMs: number | undefined, nowMs: number, power: PowerView | undefined) => ({
  ...powerJson(power),
  work_age: atMs === undefined ? null : Math.max(0, Math.round((nowMs - atMs) / 1000)),
});

/** The numbers and names of MAAS's script statuses. */
export const STATUS_ROWS: Readonly<Record<ResultStatus, readonly [number, string]>> = {
  pending: [0, 'Pending'],
  running: [1, 'Running'],
  passed: [2, 'Passed'],
  failed: [3, 'Failed'],
  'timed-out': [4, 'Timed out'],
  aborted: [5, 'Aborted'],
  skipped: [9, 'Skipped'],
};
const NEVER_RUN = [-1, 'Unknown'] as const;

/** How the newest runs of scripts stand, and their ids among `nodes/{system_id}/results/`. */
function runsJson({ runs }: Machine) {
  const describeRun = (run: NewestRuns[ScriptKind]) => (run === undefined ? NEVER_RUN : STATUS_ROWS[run.status]);
  const [commissioning, commissioningName] = describeRun(runs?.commissioning);
  const [testing, testingName] = describeRun(runs?.testing);
  return {
    commissioning_status: commissioning,
    commissioning_status_name: commissioningName,
    testing_status: testing,
    testing_status_name: testingName,
    current_commissioning_result_id: runs?.commissioning?.id ?? null,
    current_testing_result_id: runs?.testing?.id ?? null,
  };
}

const MACHINE = {
  ...SHARED_FIXED,
  node_type: 0,
  node_type_name: 'Machine',
  parent: null,
  pod: null,
  virtualmachine_id: null,
  ...TEST_STATUSES,
  // An installer reports its progress, and no results.
  current_installation_result_id: null,
  ephemeral_deploy: false,
  enable_hw_sync: false,
  address_ttl: null,
  iscsiblockdevice_set: [],
  cache_sets: [],
  bcaches: [],
  special_filesystems: [],
  numanode_set: [],
  constraints_by_type: {},
};

/** The machine's own fields that stay while its record stays, except its interfaces and disks. */
function ownJson(machine: Machine, where: MachinePlacement) {
  const row = statusRow(machine.status);
  return {
    ...lastingJson(machine, where),
    hostname: machine.hostname,
    fqdn: machineFqdn(machine),
    zone: zoneJson('2.0', machine.zone ?? where.defaultArea('zone')),
    pool: poolJson(machine.pool ?? where.defaultArea('pool')),
    domain: domainJson(machine.domain, where),
    description: machine.description,
    status: row.number,
    status_name: row.name,
    status_message: remarkSentence(machine.statusReason),
    status_message_code: machine.statusReason?.code ?? '',
    status_action: machine.work?.stage ?? '',
    ...workJson(machine),
    error_description: remarkSentence(machine.statusReason),
    owner_data: machine.ownerData ?? {},
    workload_annotations: machine.ownerData ?? {},
    boot_profile: where.profileOf(machine)?.profile.name ?? '',
    locked: machine.isLocked === true,
    cpu_speed: Math.max(0, ...(machine.facts?.processors ?? []).map(({ speed }) => speed)),
    bios_boot_method: machine.facts === undefined ? null : machine.facts.uefi === true ? 'uefi' : 'pxe',
    hardware_uuid: machine.uuid ?? null,
    hardware_info: hardwareInfo(machine.facts),
    hardware_parts: hardwarePartsJson(machine.facts),
    ...storageFields(machine),
    ...runsJson(machine),
    default_gateways: gatewaysJson(machine, where.networks),
    macaddress_set: machine.interfaces.map((nic) => ({ mac_address: formatMac(nic.mac) })),
    resource_uri: `${API_2}/machines/${machine.systemId}/`,
  };
}

/**
 * The whole machine at `nowMs`, wall time. @param power the reading of its power; `undefined` if
 * there is none
 */
export const machineJson = (machine: Machine, where: MachinePlacement, nowMs: number, power?: PowerView) => ({
  ...movingJson(workAtMs(machine), nowMs, power),
  ...restingJson(machine, where),
});

/** The rest of it, which stays the same while the machine's record and the racks stay the same. */
export function restingJson(machine: Machine, where: MachinePlacement) {
  const interfaces = interfacesJson(machine, where.networks);
  const disks = disksJson(machine);
  return {
    ...ownJson(machine, where),
    interface_set: interfaces,
    boot_interface: interfaces[0] ?? null,
    physicalblockdevice_set: disks,
    blockdevice_set: blockDevicesJson(machine),
    virtualblockdevice_set: virtualDevicesJson(machine),
    boot_disk: disks[bootDiskIndex(machine)] ?? null,
    ...MACHINE,
  };
}
