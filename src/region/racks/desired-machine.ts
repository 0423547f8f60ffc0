// The part of a machine that the region sends to racks, and the addresses that users reserved.
//
// 1. Racks do not get a UUID that several machines show, because it identifies none of them. Nor do
//    they get a UUID that only an unproven report claims.
// 2. The racks of a machine's home, and the rack in the region's own process, get the machine's
//    boot token and its home. They get the home only while a rack serves its network. A rack gives
//    the token only to addresses of that home.
// 3. Racks get only interfaces that are known to be the machine's own (`interface-source.ts`).
//    Without such an interface, they get nothing about the machine, because any host of a managed
//    network can report a New machine.
// 4. A New machine that no person made is marked as self-named, because its report may have claimed
//    the name of any host.

import type { Ipv4 } from '../../ground/address.ts';
import { DEVICE_STATE, type RackMachine, type ReservedHost } from '../../machines/machine.ts';
import { isMadeByPerson, macsForRacks } from '../identity/interface-source.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import { statusRow } from '../records/lifecycle.ts';
import { isDeviceOfUser, type MachineForRacks } from '../records/machine.ts';
import type { NetworkRecords } from '../records/network-store.ts';
import { combineKernelParams } from '../records/tags.ts';

/**
 * A machine as racks get it, including its UUID, with every field; `undefined` if racks get nothing
 * about it.
 */
export function toRackMachine(machine: MachineForRacks): Required<RackMachine> | undefined {
  const macs = macsForRacks(machine);
  if (macs.length === 0) return undefined;
  const purpose = isDeviceOfUser(machine) ? 'enlist' : bootPurpose({ ...machine, deployBy: machine.work?.deployBy });
  return {
    systemId: machine.systemId,
    hostname: machine.hostname,
    domain: machine.domain,
    statusName: machine.device === undefined ? statusRow(machine.status).name : DEVICE_STATE,
    purpose,
    architecture: machine.architecture,
    subarchitecture: machine.subarchitecture,
    release: purpose !== 'install' || machine.release === '' ? undefined : machine.release,
    macs,
    uuid: machine.uuid,
    addresses: machine.addresses,
    kernelParams: combineKernelParams(machine),
    ...describeMachineGroups(machine),
    home: machine.home,
    bootToken: machine.bootToken,
    isSelfNamed: (machine.status === 'new' && !isMadeByPerson(machine)) || undefined,
  };
}

/** By which profiles find it; a device has only its name. The default pool goes without saying. */
function describeMachineGroups({
  device,
  tags,
  pool,
  poolId,
}: MachineForRacks): Pick<Required<RackMachine>, 'tags' | 'pool'> {
  if (device !== undefined) return { tags: undefined, pool: undefined };
  return {
    tags: tags.length === 0 ? undefined : tags.map(({ name }) => name),
    // A pool whose name is not read yet counts as none.
    pool: pool?.id === poolId ? pool?.name : undefined,
  };
}

/**
 * Machines without token and home. All racks get the same objects, so that one JSON text serves all
 * of them (`http/routes.ts`).
 */
const bareMachines = new WeakMap<RackMachine, RackMachine>();

function bare(machine: RackMachine): RackMachine {
  let existing = bareMachines.get(machine);
  if (existing === undefined) {
    const { bootToken: _token, home: _home, ...rest } = machine;
    existing = rest;
    bareMachines.set(machine, existing);
  }
  return existing;
}

/**
 * The machines for one rack. Machines whose home belongs to another rack come without token and home.
 * @param isHome whether a home is in one of this rack's networks
 * @param isServed whether a rack now serves the network of this address; a home that is no longer
 * served must not restrict a rack
 */
export function machinesForRack(
  machines: readonly RackMachine[],
  isHome: (address: Ipv4 | undefined) => boolean,
  isServed: (address: Ipv4) => boolean,
): readonly RackMachine[] {
  return machines.map((machine) => {
    const { bootToken, home } = machine;
    if (bootToken === undefined && home === undefined) return machine;
    if (!isHome(home)) return bare(machine);
    if (home === undefined || isServed(home)) return machine;
    const { home: _unserved, ...rest } = machine;
    return rest;
  });
}

export function reservedForRacks({ reserved }: NetworkRecords): readonly ReservedHost[] | undefined {
  const hosts = reserved
    .filter(({ mac, hostname }) => mac !== undefined || hostname !== undefined)
    .map(({ address, mac, hostname, domain }) => ({
      address,
      ...(mac === undefined ? {} : { mac }),
      ...(hostname === undefined || domain === undefined ? {} : { hostname, domain }),
    }));
  return hosts.length === 0 ? undefined : hosts;
}
