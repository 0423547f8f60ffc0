// `rackboot machines list` and `show`: the region's machines, asked through the daemon of this host.

import { loadPlace } from '../config/load.ts';
import { counted } from '../counted.ts';
import { askDaemon } from './control.ts';
import { findMachine, identityFields } from './machine-identity.ts';
import { formatBytes, formatDuration, printFields, printJson, printTable } from './output.ts';
import { type MachineShape, machinesShape } from './shapes.ts';

const MACHINES_PATH = '/MAAS/api/2.0/machines/';
const MIB = 1024 * 1024;

/** Prints all machines. @returns 0 */
export async function listMachines(file: string, json: boolean): Promise<number> {
  const raw = await askDaemon(loadPlace(file).stateDir, MACHINES_PATH);
  if (json) printJson(raw);
  else {
    printTable(
      ['SYSTEM ID', 'HOSTNAME', 'STATUS', 'ARCHITECTURE', 'CPUS', 'MEMORY', 'MAC', 'ADDRESSES'],
      machinesShape.parse(raw).map(row),
      'No machine is known yet: let one boot from the network.',
    );
  }
  return 0;
}

function row(machine: MachineShape): string[] {
  return [
    machine.system_id,
    machine.hostname,
    machine.status_name,
    machine.architecture ?? '',
    String(machine.cpu_count),
    formatBytes(machine.memory * MIB),
    machine.interface_set[0]?.mac_address ?? '',
    machine.ip_addresses.join(' '),
  ];
}

/** What the firmware tells of a machine's parts. */
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

/** Prints one machine, named by system id, hostname, FQDN or hardware address. @returns 0 @throws RackError `not-found` */
export async function showMachine(file: string, wanted: string, json: boolean): Promise<number> {
  const { stateDir } = loadPlace(file);
  const found = await findMachine(stateDir, wanted);
  if (json) {
    printJson(found);
    return 0;
  }
  const lines: readonly (readonly [string, string])[] = [
    ['System id', found.system_id],
    ['Name', found.fqdn],
    ['Status', found.status_name],
    ['Power', powerText(found)],
    ['Architecture', found.architecture ?? ''],
    ['Processors', String(found.cpu_count)],
    ['Memory', formatBytes(found.memory * MIB)],
    ['Interfaces', found.interface_set.map(({ name, mac_address: address }) => `${name} ${address}`).join(', ')],
    ['Disks', found.physicalblockdevice_set.map(({ name, size }) => `${name} ${formatBytes(size)}`).join(', ')],
    ['Addresses', found.ip_addresses.join(', ')],
    ...partLines(found),
    ...Object.entries(found.hardware_info ?? {}).flatMap(([name, value]): [string, string][] =>
      value === null || value === '' ? [] : [[name, value]],
    ),
    ...(await identityFields(stateDir, found)),
  ];
  printFields(lines);
  return 0;
}

/** How it is switched, and whether it was on when it was seen last. A region that is older does not say. */
function powerText(machine: MachineShape): string {
  const { power_type: type, power_state: state, power_state_age: age, power_task: task } = machine;
  if (typeof type !== 'string' || type === '' || type === 'manual') return 'switched by hand';
  const seen = typeof age === 'number' ? `, seen ${formatDuration(age * 1000)} ago` : '';
  const doing = typeof task === 'string' && task !== '' ? `; being switched: ${task}` : '';
  return `${typeof state === 'string' ? state : 'unknown'} (${type}${seen})${doing}`;
}
