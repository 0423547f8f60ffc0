// `rackboot machines list` and `show`: the region's machines, asked through the daemon of this host.

import { loadPlace } from '../config/load.ts';
import { askDaemon } from './control.ts';
import { findMachine, identityFields } from './machine-identity.ts';
import { formatBytes, printFields, printJson, printTable } from './output.ts';
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
    ['Architecture', found.architecture ?? ''],
    ['Processors', String(found.cpu_count)],
    ['Memory', formatBytes(found.memory * MIB)],
    ['Interfaces', found.interface_set.map(({ name, mac_address: address }) => `${name} ${address}`).join(', ')],
    ['Disks', found.physicalblockdevice_set.map(({ name, size }) => `${name} ${formatBytes(size)}`).join(', ')],
    ['Addresses', found.ip_addresses.join(', ')],
    ...Object.entries(found.hardware_info ?? {}).flatMap(([name, value]): [string, string][] =>
      value === null || value === '' ? [] : [[name, value]],
    ),
    ...(await identityFields(stateDir, found)),
  ];
  printFields(lines);
  return 0;
}
