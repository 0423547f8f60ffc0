// Addresses that users reserve, for hosts that are not machines of the region.
//
// Sources: MAAS API 1.0 and 2.0, `ipaddresses/` (list, reserve, release). In 1.0 an address has four keys, and its parameters have other names.
//
// 1. A reserved address is outside the dynamic ranges, and neither a host nor a machine has it. It belongs to the user, who releases it.
// 2. Without `ip` the first free address of the static range is reserved, or without such a range that of the subnet.
// 3. `force` releases the address of another user. Addresses of machines end with their allocation (release of the machine), not here.
// 4. A host with a name or a hardware address is a device, which has its address by its interface: both are refused here.

import { z } from 'zod';
import {
  formatIpv4,
  type Ipv4,
  type Ipv4Range,
  ipv4,
  networkContains,
  parseIpv4,
  rangeContains,
} from '../../../net/address.ts';
import { hostRange, usedParts } from '../../networks/address-use.ts';
import { type NetworkView, type SubnetView, subnetOfAddress, subnetWithId } from '../../networks/network-view.ts';
import type { ReservedAddress, UsedAddress } from '../../records/network-store.ts';
import { type Answer, isRefusal, type Refusal, refuse, refuseField } from '../call/answer.ts';
import { maasTime } from '../call/maas-time.ts';
import { type ApiCall, type ApiVersion, defineOperation, type Operation, usernameOf } from '../call/operation.ts';
import { subnetJson } from '../json/subnet-json.ts';
import { userJson } from '../people/user-operations.ts';
import { refuseReserving } from './iprange-operations.ts';
import { addressOf, change, findSubnet, flagField, isAdmin, listed, look, textField } from './network-calls.ts';
import { ALLOC_TYPES } from './subnet-use-operations.ts';

/** The accounts of all users by name. */
type Users = ReadonlyMap<string, unknown>;
const usersOf = async (call: ApiCall): Promise<Users> =>
  new Map((await call.region.store.accounts.listUsers()).map((user) => [user.username, userJson(call, user)]));

function addressJson(call: ApiCall, view: NetworkView, one: ReservedAddress, users: Users): unknown {
  const resource = { resource_uri: `/MAAS/api/${call.version}/ipaddresses/` };
  const [ip, created] = [formatIpv4(one.address), maasTime(one.createdMs)];
  if (call.version === '1.0') return { alloc_type: ALLOC_TYPES.USER_RESERVED.number, created, ip, ...resource };
  const subnet = subnetWithId(view, one.subnetId);
  return {
    ip,
    alloc_type: ALLOC_TYPES.USER_RESERVED.number,
    alloc_type_name: ALLOC_TYPES.USER_RESERVED.name,
    created,
    subnet: subnet === undefined ? null : subnetJson(subnet),
    interface_set: [],
    owner: users.get(one.username) ?? null,
    ...resource,
  };
}

const listing = z.object({
  all: flagField.optional().describe('True for the addresses of all users: administrators only.'),
  owner: textField.optional().describe('The user whose addresses are listed: administrators only.'),
  ip: textField.optional().describe('Only this address.'),
});

async function list(call: ApiCall, { all, owner, ip }: z.output<typeof listing>): Promise<Answer> {
  const username = usernameOf(call);
  if ((all === true || (owner ?? username) !== username) && !isAdmin(call)) return refuse('not-allowed.administrator');
  const address = ip === undefined ? undefined : addressOf('ip', ip);
  if (address !== undefined && isRefusal(address)) return address;
  const [view, users] = [await look(call), await usersOf(call)];
  const found = view.records.reserved.filter(
    (one) =>
      (all === true || one.username === (owner ?? username)) && (address === undefined || one.address === address),
  );
  return listed(call, found, (one) => addressJson(call, view, one, users));
}

const reserving = z.object({
  subnet: textField.optional().describe('The subnet, by its id or network, if any of its addresses will do.'),
  ip: textField.optional().describe('The address.'),
  ip_address: textField.optional().describe('The same as ip.'),
  network: textField.optional().describe('The same as subnet.'),
  requested_address: textField.optional().describe('The same as ip.'),
  mac: textField.optional().describe('Not supported here: add a device instead.'),
  hostname: textField.optional().describe('Not supported here: add a device instead.'),
});

/** The refusal of an address that is in use, or that no host can have. */
function refuseUsed(
  view: NetworkView,
  subnet: SubnetView,
  used: readonly UsedAddress[],
  wanted: Ipv4,
): Refusal | undefined {
  const address = formatIpv4(wanted);
  const part = usedParts(view, subnet, used).find((one) => rangeContains(one, wanted));
  if (part !== undefined) return refuse('in-use.address', { address, purposes: part.purposes });
  return rangeContains(hostRange(subnet.network), wanted) ? undefined : refuse('in-use.address-edge', { address });
}

/** The first free address of the static ranges; without one, of the subnet. */
function firstFree(view: NetworkView, subnet: SubnetView, used: readonly UsedAddress[]): Ipv4 | undefined {
  const parts = usedParts(view, subnet, used);
  const fixed = subnet.served.flatMap((one) => one.fixed ?? []);
  const ranges: readonly Ipv4Range[] = fixed.length === 0 ? [hostRange(subnet.network)] : fixed;
  for (const { low, high } of ranges) {
    let next: number = low;
    for (const part of parts) if (part.low <= next && next <= part.high) next = part.high + 1;
    if (next <= high) return ipv4(next);
  }
  return undefined;
}

/** The subnet in the parameters. */
function subnetFor(
  view: NetworkView,
  given: z.output<typeof reserving>,
  address: Ipv4 | undefined,
): SubnetView | Refusal {
  const text = given.subnet ?? given.network ?? '';
  if (text === '') {
    const found = address === undefined ? undefined : subnetOfAddress(view, address);
    if (found !== undefined) return found;
    return address === undefined
      ? refuseField('subnet', 'field.reserve-where')
      : refuseField('ip', 'field.no-subnet', { name: formatIpv4(address) });
  }
  const found = findSubnet(view, text);
  if (found === undefined) return refuseField('subnet', 'field.no-subnet', { name: text.slice(0, 64) });
  if (address === undefined || networkContains(found.network, address)) return found;
  return refuseField('ip', 'field.subnet-outside', { network: found.subnet.cidr });
}

async function reserve(call: ApiCall, given: z.output<typeof reserving>): Promise<Answer> {
  for (const field of ['mac', 'hostname'] as const) {
    if ((given[field] ?? '') !== '') return refuseField(field, 'field.reserve-device');
  }
  const text = given.ip ?? given.ip_address ?? given.requested_address;
  const wanted = text === undefined || text === '' ? undefined : addressOf('ip', text);
  if (wanted !== undefined && isRefusal(wanted)) return wanted;
  const subnet = subnetFor(await look(call), given, wanted);
  if ('kind' in subnet) return subnet;
  const users = await usersOf(call);
  return await change(
    call,
    (view, id, used) => {
      const now = view.subnets.find((one) => one.subnet.id === subnet.subnet.id);
      if (now === undefined) return refuseField('subnet', 'field.no-subnet', { name: subnet.subnet.cidr });
      const refused = refuseReserving(call, view, wanted === undefined ? 'subnet' : 'ip');
      if (refused !== undefined) return refused;
      const address = wanted ?? firstFree(view, now, used);
      if (address === undefined) return refuse('in-use.exhausted', { network: now.subnet.cidr });
      const name = formatIpv4(address);
      const inUse = refuseUsed(view, now, used, address);
      if (inUse !== undefined) return inUse;
      const createdMs = call.region.clock.wallTimeMs();
      const reserved = [{ id, subnetId: now.subnet.id, address, username: usernameOf(call), createdMs }];
      return { kind: 'change', change: 'added', what: 'address', name, id, put: { reserved }, nextId: id + 1 };
    },
    (view, id) => {
      const added = view.records.reserved.find((one) => one.id === id);
      return added === undefined ? undefined : addressJson(call, view, added, users);
    },
    hostRange(subnet.network),
  );
}

const releasing = z.object({
  ip: textField.describe('The address.'),
  force: flagField.optional().describe('True to release the address of another user: administrators only.'),
});

function release(call: ApiCall, { ip, force }: z.output<typeof releasing>): Promise<Answer> | Answer {
  const address = parseIpv4(ip);
  if (address === undefined) return refuseField('ip', 'field.address');
  if (force === true && !isAdmin(call)) return refuse('not-allowed.administrator');
  return change(call, (view) => {
    const found = view.records.reserved.find((one) => one.address === address);
    const mayRelease = found !== undefined && (force === true || found.username === usernameOf(call));
    const name = formatIpv4(address);
    if (!mayRelease) return refuse('not-found.reserved-address', { address: name });
    return { kind: 'change', change: 'removed', what: 'address', name, id: found.id, remove: { reserved: [found.id] } };
  });
}

const both: readonly ApiVersion[] = ['1.0', '2.0'];
const base = { versions: both, ownTransaction: true, path: 'ipaddresses', handler: 'IPAddressesHandler' } as const;

/** Operations on reserved addresses. */
export const IPADDRESS_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ ...base, method: 'GET', access: 'user', parameters: listing },
    doc: 'List the addresses that the caller has reserved.',
    run: list,
  }),
  defineOperation({
    ...{ ...base, method: 'POST', op: 'reserve', access: 'user', parameters: reserving },
    doc: 'Reserve an address of a subnet, for a host that is not a machine of the region.',
    run: reserve,
  }),
  defineOperation({
    ...{ ...base, method: 'POST', op: 'release', access: 'user', parameters: releasing },
    doc: 'Release an address that the caller has reserved.',
    run: release,
  }),
];
