// `rackboot machines list` and `show`: the region's machines, through the daemon of this host.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { asSentence, composeNoneFitsText, counted } from '../../ground/counted.ts';
import { DEFAULT_AREA } from '../../region/records/area.ts';
import { askRegion, encodeForm, printAnswer, type Where } from '../terminal/asking.ts';
import { formatBytes, formatDuration, printFields, printTable } from '../terminal/output.ts';
import { type MachineShape, machinesShape } from '../terminal/shapes.ts';
import { findMachine, identityFields } from './identity.ts';
import { progressText } from './progress.ts';

const MIB = 1024 * 1024;
/** Characters of a machine's step, or of the reason of its failure, in the list. */
const STEP_CHARACTERS_MAX = 60;

/** How many of the newest audit events of a machine are searched for its lock. */
const LOCK_EVENTS_MAX = 1000;

const lockEventsShape = z.object({
  events: z.array(
    z.looseObject({
      username: z.string(),
      code: z.string().optional(),
      params: z.looseObject({ command: z.unknown().optional(), comment: z.string().catch('') }).optional(),
    }),
  ),
});

interface ListArguments extends Where {
  readonly search?: string | undefined;
  readonly status?: readonly string[] | undefined;
  readonly owner?: readonly string[] | undefined;
  readonly rack?: readonly string[] | undefined;
  readonly zone?: readonly string[] | undefined;
  readonly pool?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly arch?: string | undefined;
}

/** @throws RackError `bad-argument` for an unknown state, rack, zone or pool */
export async function listMachines(argv: ListArguments): Promise<number> {
  const { search: q, status, owner, rack, zone, pool, tags, arch } = argv;
  const filters = encodeForm({ q, status, owner, rack, zone, pool, tags, arch });
  const raw = await askRegion(argv, `${MACHINES_PATH}${filters === '' ? '' : `?${filters}`}`);
  const machines = machinesShape.parse(raw);
  const unfiltered =
    argv.json !== true && machines.length === 0 && filters !== '' ? await askRegion(argv, MACHINES_PATH) : raw;
  return printAnswer(argv, raw, () => {
    const total = machinesShape.parse(unfiltered).length;
    const columns = columnsFor(machines);
    printTable(
      columns.map(({ title }) => title),
      machines.map((machine) => columns.map(({ text }) => text(machine))),
      total === 0 ? 'No machine is known yet: let one boot from the network.' : composeNoneFitsText(total),
    );
  });
}

interface Column {
  readonly title: string;
  readonly text: (machine: MachineShape) => string;
}

const RACK: Column = { title: 'RACK', text: ({ rack_names: racks }) => racks.join(' ') };
const OWNER: Column = { title: 'OWNER', text: ({ owner }) => owner ?? '' };

const NOT_KNOWN = '-';

const cpusText = ({ cpu_count: count }: MachineShape): string => (count === 0 ? NOT_KNOWN : String(count));
const memoryText = ({ memory }: MachineShape): string => (memory === 0 ? NOT_KNOWN : formatBytes(memory * MIB));

/**
 * Chooses the columns: RACK only if the machines have several racks, OWNER only if a machine has an
 * owner.
 */
function columnsFor(machines: readonly MachineShape[]): readonly Column[] {
  const hasOwners = machines.some(({ owner }) => owner !== null);
  const hasRacks = new Set(machines.flatMap(({ rack_names: racks }) => racks)).size > 1;
  return [
    { title: 'SYSTEM ID', text: ({ system_id: id }) => id },
    { title: 'HOSTNAME', text: ({ hostname }) => hostname },
    { title: 'STATUS', text: (machine) => progressText(machine, STEP_CHARACTERS_MAX) },
    ...(hasOwners ? [OWNER] : []),
    ...(hasRacks ? [RACK] : []),
    { title: 'ARCHITECTURE', text: ({ architecture }) => architecture ?? '' },
    { title: 'CPUS', text: cpusText },
    { title: 'MEMORY', text: memoryText },
    { title: 'MAC', text: ({ interface_set: [nic] }) => nic?.mac_address ?? '' },
    { title: 'ADDRESSES', text: ({ ip_addresses: addresses }) => addresses.join(' ') },
  ];
}

function partLines({ hardware_parts: parts }: MachineShape): [string, string][] {
  if (parts === undefined) return [];
  const banks = parts.memory_banks.map(({ locator, size_mib: size, type, speed }) =>
    [locator, formatBytes(size * MIB), type, speed === 0 ? '' : `${speed} MT/s`]
      .filter((word) => word !== '')
      .join(' '),
  );
  const sockets = parts.processors.map(({ socket, cores, speed }) =>
    [socket, cores === 0 ? '' : counted(cores, 'core'), speed === 0 ? '' : `${speed} MHz`]
      .filter((word) => word !== '')
      .join(' '),
  );
  const { bmc, secure_boot: isSecure, memory_slots: slots, virtualization } = parts;
  const lines: [string, string][] = [
    ['Sockets', sockets.join(', ')],
    [
      'Memory banks',
      banks.length === 0 ? '' : `${banks.join(', ')}${slots === 0 ? '' : ` (of ${counted(slots, 'slot')})`}`,
    ],
    ['BMC', bmc === null ? '' : `IPMI ${bmc.version} by ${bmc.interface}`],
    ['Virtualisation', virtualization],
    ['Secure Boot', isSecure === null ? '' : isSecure ? 'on' : 'off'],
  ];
  return lines.filter(([, value]) => value !== '');
}

/** `system_sku` is "System SKU". */
const formatLabel = (key: string): string =>
  asSentence(key.replaceAll('_', ' ')).replace(/\b(?:cpu|sku)\b/gi, (word) => word.toUpperCase());

/**
 * Shows a machine, which is named by system id, hostname, FQDN or hardware address. @throws
 * RackError `not-found`
 */
export async function showMachine(argv: Where & { readonly machine: string }): Promise<number> {
  const machine = await findMachine(argv, argv.machine);
  if (argv.json === true) return printAnswer(argv, machine, '');
  const lines: readonly (readonly [string, string])[] = [
    ['System id', machine.system_id],
    ['Name', machine.fqdn],
    ['Status', progressText(machine)],
    ...(machine.locked ? [['Lock', await lockText(argv, machine)] as const] : []),
    ...(machine.owner === null ? [] : [['Owner', machine.owner] as const]),
    ...zoneAndPoolLines(machine),
    ['Power', powerText(machine)],
    ['Architecture', machine.architecture ?? ''],
    ['Processors', cpusText(machine)],
    ['Memory', memoryText(machine)],
    ['Interfaces', machine.interface_set.map(({ name, mac_address: address }) => `${name} ${address}`).join(', ')],
    ['Disks', machine.physicalblockdevice_set.map(({ name, size }) => `${name} ${formatBytes(size)}`).join(', ')],
    ['IP addresses', machine.ip_addresses.join(', ') || NOT_KNOWN],
    ...partLines(machine),
    ...Object.entries(machine.hardware_info ?? {}).flatMap(([name, value]): [string, string][] =>
      value === null || value === '' || value === 'Unknown' ? [] : [[formatLabel(name), value]],
    ),
    ...(await identityFields(argv, machine)),
  ];
  printFields(lines);
  return 0;
}

/** The zone and the pool, unless they are the defaults. */
const zoneAndPoolLines = ({ zone, pool }: MachineShape): readonly (readonly [string, string])[] =>
  [['Zone', zone?.name ?? DEFAULT_AREA] as const, ['Pool', pool?.name ?? DEFAULT_AREA] as const].filter(
    ([, name]) => name !== DEFAULT_AREA,
  );

/**
 * Describes who locked the machine with which comment, if the log still has the event, and how to
 * unlock it.
 */
async function lockText(where: Where, { system_id: id, hostname }: MachineShape): Promise<string> {
  const filter = new URLSearchParams({ level: 'AUDIT', id, limit: String(LOCK_EVENTS_MAX) });
  const { events } = lockEventsShape.parse(await askRegion(where, `/MAAS/api/2.0/events/?op=query&${filter}`));
  const event = events.find(({ code, params }) => code === 'command' && params?.command === 'lock');
  const comment = event?.params?.comment ?? '';
  const lockedBy = event === undefined ? '' : `by ${event.username}${comment === '' ? '' : ` (${comment})`}; `;
  return `${lockedBy}\`rackboot machines unlock ${hostname}\` unlocks it`;
}

/** Describes a machine's power. Older regions do not send these fields. */
function powerText(machine: MachineShape): string {
  const { power_type: type, power_state: state, power_state_age: age, power_task: task } = machine;
  if (typeof type !== 'string' || type === '' || type === 'manual') return 'switched by hand';
  const ageText = typeof age === 'number' ? `, seen ${formatDuration(age * 1000)} ago` : '';
  const taskText = typeof task === 'string' && task !== '' ? `; being switched: ${task}` : '';
  return `${typeof state === 'string' ? state : 'unknown'} (${type}${ageText})${taskText}`;
}
