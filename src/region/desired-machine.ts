// The part of a machine that a rack is told.
//
// 1. A UUID that several machines show identifies none of them, so the rack is not told it; nor one that a stranger says he has.
// 2. The token of a machine's boot goes to the racks of its home, and to the rack of the region's own process. Where its home is goes to the
//    same ones, as long as some rack serves that network: they give the token only there.
// 3. The rack is told no interface of which it is not known that it is the machine's own (`interface-source.ts`); and nothing of a machine
//    that has none such: any host of a managed network can report a New machine.
// 4. What only a report says of a New machine's name is told as such, for the report may name any host.

import type { RackMachine } from '../machines/machine.ts';
import type { Ipv4 } from '../net/address.ts';
import { isMadeByPerson, toldMacs } from './identity/interface-source.ts';
import { bootPurpose } from './records/boot-purpose.ts';
import { statusRow } from './records/lifecycle.ts';
import type { Machine } from './records/machine.ts';
import { kernelParamsOf } from './records/tags.ts';

/** What the rack is told of a machine, its UUID included; undefined: the rack is not told of it. */
export function toRackMachine(machine: Machine): RackMachine | undefined {
  const macs = toldMacs(machine);
  if (macs.length === 0) return undefined;
  const purpose = bootPurpose({ ...machine, deployBy: machine.work?.deployBy });
  return {
    systemId: machine.systemId,
    hostname: machine.hostname,
    domain: machine.domain,
    statusName: statusRow(machine.status).name,
    purpose,
    architecture: machine.architecture,
    subarchitecture: machine.subarchitecture,
    release: purpose !== 'install' || machine.release === '' ? undefined : machine.release,
    macs,
    uuid: machine.uuid,
    addresses: machine.addresses,
    kernelParams: kernelParamsOf(machine),
    ...(machine.home === undefined ? {} : { home: machine.home }),
    ...(machine.bootToken === undefined ? {} : { bootToken: machine.bootToken }),
    ...(machine.status === 'new' && !isMadeByPerson(machine) ? { isSelfNamed: true } : {}),
  };
}

/**
 * The machines without the tokens and homes of those that are not at home with a rack.
 * @param isServed a rack serves the network of this address now; a home that no rack serves any more binds nobody
 */
export function asToldTo(
  machines: readonly RackMachine[],
  isHome: (address: Ipv4 | undefined) => boolean,
  isServed: (address: Ipv4) => boolean,
): readonly RackMachine[] {
  return machines.map((machine) => {
    const { bootToken, home, ...told } = machine;
    if (bootToken === undefined && home === undefined) return machine;
    if (!isHome(home)) return told;
    return {
      ...told,
      ...(bootToken === undefined ? {} : { bootToken }),
      ...(home === undefined || !isServed(home) ? {} : { home }),
    };
  });
}

/** The machines with the UUIDs that occur more than once taken away. */
export function withoutSharedUuids(machines: readonly RackMachine[]): readonly RackMachine[] {
  const seen = new Map<string, number>();
  for (const { uuid } of machines) if (uuid !== undefined) seen.set(uuid, (seen.get(uuid) ?? 0) + 1);
  return machines.map((machine) =>
    machine.uuid !== undefined && (seen.get(machine.uuid) ?? 0) > 1 ? { ...machine, uuid: undefined } : machine,
  );
}
