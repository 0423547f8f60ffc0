// Changes of leases in a subnet, made by the racks that serve it: a running lease is ended, an
// address that was set aside is cleared.
//
// 1. Every rack that serves the subnet is asked: each has leases of its own. One that makes the
//    change is enough.
// 2. The rack's own report of the change follows, and changes what the lists of addresses show.

import { z } from 'zod';
import { formatIpv4, type Ipv4, networkContains } from '../../../ground/address.ts';
import type { LeaseChange } from '../../records/rack-request.ts';
import { type Answer, EMPTY, refuse, refuseField } from '../call/answer.ts';
import { type ApiCall, defineOperation, eventBy, ipv4Field, type Operation } from '../call/operation.ts';
import { findSubnet, readNetworks, subnetOutsideText } from './network-calls.ts';
import { noSubnet } from './subnet-operations.ts';

/** Why no rack made the change; names are those of racks. */
const notChanged = {
  unserved: (cidr: string) => `No rack serves ${cidr}: it has no leases.`,
  silent: (names: string) =>
    `The rack ${names} did not answer: see that it runs and is linked to this region, and try again, or use \`rackboot leases\` on its host.`,
  unwritten: (names: string) =>
    `The rack ${names} cannot write leases now: see \`rackboot status\` on its host, and try again.`,
  end: (ip: string) => `${ip} has no running lease.`,
  clear: (ip: string) => `${ip} is not set aside.`,
};

async function changeLease(call: ApiCall, kind: LeaseChange['kind'], address: Ipv4): Promise<Answer> {
  const { region, path } = call;
  const home = findSubnet(await readNetworks(call), path.id ?? '');
  if (home === undefined) return noSubnet(path);
  const { subnet, network, served } = home;
  if (!networkContains(network, address)) return refuseField('ip', subnetOutsideText(subnet.cidr));
  const racks = new Map(served.map(({ rack, rackName }) => [rack, rackName]));
  if (racks.size === 0) return refuseField('ip', notChanged.unserved(subnet.cidr));
  const requests = [...racks].map(async ([rack, name]) => ({
    name,
    outcome: (await region.racks.requests.ask(rack, { kind, address })).outcome,
  }));
  const answers = await Promise.all(requests);
  const namesOf = (wanted: string): string =>
    answers.flatMap(({ name, outcome }) => (outcome === wanted ? [name] : [])).join(', ');
  if (namesOf('done') === '') {
    const [silent, unwritten] = [namesOf('silent'), namesOf('unwritten')];
    if (silent !== '') return refuse('rack-silent', notChanged.silent(silent));
    if (unwritten !== '') return refuse('store-unavailable', notChanged.unwritten(unwritten));
    return refuse('not-found', notChanged[kind](formatIpv4(address)));
  }
  const params = { change: kind, ip: formatIpv4(address) };
  await region.store.recordEvent(eventBy(call, 'NETWORKING', { code: 'lease-changed', params }), undefined);
  return EMPTY;
}

const common = {
  versions: ['2.0'],
  path: 'subnets/{id}',
  handler: 'SubnetHandler',
  method: 'POST',
  access: 'admin',
  // They wait for racks.
  ownTransaction: true,
  answers: 'nothing',
} as const;

export const SUBNET_LEASE_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...common,
    op: 'end_lease',
    parameters: z.object({ ip: ipv4Field.describe('The leased address.') }),
    doc:
      'End a running lease, for example of a machine that is gone. The address is free at once, unless a machine or a reservation has it; a client that still uses it and asks again ' +
      'keeps it, unless another client has it by then. Not idempotent: a lease that has ended is not found.',
    run: (call, { ip }) => changeLease(call, 'end', ip),
  }),
  defineOperation({
    ...common,
    op: 'clear_declined',
    parameters: z.object({ ip: ipv4Field.describe('The address.') }),
    doc:
      'Return an address to its range that was set aside, because a client or a probe found a host using it. The rack probes it before it ' +
      'offers it. Not idempotent: an address that is not set aside is not found.',
    run: (call, { ip }) => changeLease(call, 'clear', ip),
  }),
];
