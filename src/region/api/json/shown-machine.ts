// A machine as the API version of the request represents it, with its current power reading.

import { formatMac } from '../../../ground/address.ts';
import { listDisks } from '../../layout/disks.ts';
import { type MachinePlacement, readPlacement } from '../../life/machine-placement.ts';
import type { PowerView } from '../../life/power-life.ts';
import { remarkSentence } from '../../records/events.ts';
import { statusRow } from '../../records/lifecycle.ts';
import { type Machine, machineFqdn } from '../../records/machine.ts';
import type { ApiCall } from '../call/operation.ts';
import { zoneJson } from './area-json.ts';
import { disksJson, virtualDevicesJson } from './disk-json.ts';
import { machineJson, SHARED_FIXED, sharedJson } from './machine-json.ts';

// A machine as API 1.0 represents it, as a node: the status is folded into the numbers that old
// clients know, and the hostname is fully qualified.
//
// 1. `substatus` is the unfolded status.
// 2. `storage` is a whole number, as in MAAS 1.9; API 2.0 has fractions of a megabyte.
// 3. `boot_type` is `di` while an installer runs. A deployed machine does not record how it was deployed.

const BASE = '/MAAS/api/1.0';

const storageMb = (machine: Machine) =>
  Math.floor(listDisks(machine).reduce((sum, { facts }) => sum + facts.bytes, 0) / 1e6);

/** The whole node. @param power the reading of its power; `undefined` if there is none */
function nodeJson(machine: Machine, where: MachinePlacement, power?: PowerView) {
  const row = statusRow(machine.status);
  const macs = machine.interfaces.map((nic) => {
    const text = formatMac(nic.mac);
    return { mac_address: text, resource_uri: `${BASE}/nodes/${machine.systemId}/macs/${encodeURIComponent(text)}/` };
  });
  return {
    ...sharedJson(machine, where, power),
    ...SHARED_FIXED,
    physicalblockdevice_set: disksJson(machine),
    virtualblockdevice_set: virtualDevicesJson(machine),
    hostname: machineFqdn(machine),
    zone: zoneJson('1.0', machine.zone ?? where.defaultArea('zone')),
    status: row.foldedNumber,
    substatus: row.number,
    substatus_name: row.name,
    substatus_message: remarkSentence(machine.statusReason),
    substatus_action: machine.work?.stage ?? '',
    storage: storageMb(machine),
    boot_type: machine.work?.deployBy === 'installer' ? 'di' : 'fastpath',
    routers: [],
    macaddress_set: macs,
    pxe_mac: macs[0] ?? null,
    resource_uri: `${BASE}/nodes/${machine.systemId}/`,
  };
}

/**
 * The machine as the client of this call expects it. @param where given by lists, which look it up
 * once for all machines
 */
export function showMachine(
  { region, version }: Pick<ApiCall, 'region' | 'version'>,
  machine: Machine,
  where: MachinePlacement = readPlacement(region),
) {
  const power = region.power?.reading(machine.systemId);
  if (version === '1.0') return nodeJson(machine, where, power);
  return machineJson(machine, where, region.clock.wallTimeMs(), power);
}
