// Addresses that users reserve, for hosts that need not be machines of the region.
//
// Sources: MAAS API 1.0 and 2.0, `ipaddresses/` (list, reserve, release). In 1.0 an address has
// four keys, and its parameters have other names.
//
// 1. A reserved address is outside the dynamic ranges, and neither a host (by a running lease) nor
//    a machine has it. It belongs to the user, who releases it.
// 2. Without `ip` the first free address is reserved: for administrators of the static ranges, or
//    else of the rest of the subnet; for users of that rest alone. A refusal names the users who
//    have reserved.
// 3. `force` releases the address of another user. Addresses of machines end with their allocation
//    (release of the machine), not here.
// 4. With `mac` the racks give the address to that host by DHCP. In a subnet a host has one
//    reserved address, and none besides one that it was given. MAAS refuses hosts that are
//    interfaces of machines; here their owners and administrators may reserve for them. Only
//    administrators give a host that runs with a lease, or that `hosts` names, another address
//    (`host-places.ts`): it may be anybody's.
// 5. Adding a name with an address (`dnsresources/`) reserves it, too (`name-reservation.ts`).
// 6. With `hostname` the racks resolve the name until the address is released. It is neither the
//    name of another machine nor of a record.

import { z } from 'zod';
import {
  computeBroadcastAddress,
  formatIpv4,
  formatMac,
  type Ipv4,
  ipv4,
  type MacAddress,
  networkContains,
  rangeContains,
  rangesOverlap,
} from '../../../ground/address.ts';
import { isIdentifyingMac } from '../../identity/hardware-identity.ts';
import { bars, configuredBy, findBar, indexOwners, type Owner, ownersUsing } from '../../networks/address-owners.ts';
import { freeParts, hostRange, listPurposes, reservedText } from '../../networks/address-use.ts';
import { type NetworkView, type SubnetView, subnetOfAddress, subnetWithId } from '../../networks/network-view.ts';
import type { NetworkDraft } from '../../networks/networks.ts';
import { leaseText, type ReservedAddress } from '../../records/network-store.ts';
import { MACS, REQUIRED } from '../../records/refusal.ts';
import { hostnameTakenText } from '../../records/report-refusal.ts';
import type { SettingsReader } from '../../settings.ts';
import type { AnswerOf, OldAnswerOf } from '../answers/answer-types.ts';
import {
  type Answer,
  combineOrRefuse,
  domainText,
  isRefusal,
  ONLY_ADMINISTRATORS,
  type Refusal,
  refuse,
  refuseField,
  refuseFor,
} from '../call/answer.ts';
import { maasTime } from '../call/maas-time.ts';
import {
  type ApiCall,
  type ApiVersion,
  controls,
  defineOperation,
  getCallerUsername,
  ipv4Field,
  macField,
  type Operation,
} from '../call/operation.ts';
import { reservedInterfaceJson } from '../json/node-interface-json.ts';
import { subnetJson } from '../json/subnet-json.ts';
import { readNames } from '../machines/machine-calls.ts';
import { currentDomains, currentRecords } from '../names/dns-records.ts';
import { userJson } from '../people/user-operations.ts';
import { findNode, hostPlaces } from './host-places.ts';
import { refuseReserving } from './iprange-operations.ts';
import {
  change,
  findSubnet,
  flagField,
  isAdmin,
  listed,
  makeChange,
  noSubnetText,
  readNetworks,
  subnetOutsideText,
  textField,
} from './network-calls.ts';
import { ALLOC_TYPES } from './subnet-use-operations.ts';

type Users = ReadonlyMap<string, AnswerOf<'user'>>;
const readUsers = async (call: ApiCall): Promise<Users> =>
  new Map((await call.region.store.accounts.listUsers()).map((user) => [user.username, userJson(call, user)]));

function addressJson(
  call: ApiCall,
  view: NetworkView,
  one: ReservedAddress,
  users: Users,
): AnswerOf<'ipAddress'> | OldAnswerOf<'ipAddress'> {
  const resource = { resource_uri: `/MAAS/api/${call.version}/ipaddresses/` };
  const [ip, created] = [formatIpv4(one.address), maasTime(one.createdMs)];
  const { mac, hostname, domain } = one;
  const host = { mac: mac === undefined ? undefined : formatMac(mac), hostname, domain };
  if (call.version === '1.0')
    return { alloc_type: ALLOC_TYPES.USER_RESERVED.number, created, ip, ...resource, ...host };
  const subnet = subnetWithId(view, one.subnetId);
  return {
    ip,
    alloc_type: ALLOC_TYPES.USER_RESERVED.number,
    alloc_type_name: ALLOC_TYPES.USER_RESERVED.name,
    created,
    subnet: subnet === undefined ? null : subnetJson(subnet),
    interface_set: mac === undefined ? [] : [reservedInterfaceJson(one.id, mac, one.address, subnet)],
    owner: users.get(one.username) ?? null,
    ...resource,
    ...host,
  };
}

const listing = z.object({
  all: flagField.optional().describe('True for the addresses of all users: administrators only.'),
  owner: textField.optional().describe('The user whose addresses are listed: administrators only.'),
  ip: ipv4Field.optional().describe('Only this address.'),
});

async function listReservations(call: ApiCall, { all, owner, ip }: z.output<typeof listing>): Promise<Answer> {
  const username = getCallerUsername(call);
  if ((all === true || (owner ?? username) !== username) && !isAdmin(call))
    return refuse('not-allowed', ONLY_ADMINISTRATORS);
  const [view, users] = [await readNetworks(call), await readUsers(call)];
  const matching = view.records.reserved.filter(
    (reserved) =>
      (all === true || reserved.username === (owner ?? username)) && (ip === undefined || reserved.address === ip),
  );
  return listed(call, matching, (reserved) => addressJson(call, view, reserved, users));
}

const reserving = z.object({
  subnet: textField.optional().describe('The subnet, by its id or network, if any of its addresses will do.'),
  ip: ipv4Field
    .optional()
    .describe('The address.')
    .register(controls, { label: 'Address', hint: 'Leave empty for the first free one.' }),
  ip_address: ipv4Field.optional().describe('The same as ip.'),
  network: textField.optional().describe('The same as subnet.'),
  requested_address: ipv4Field.optional().describe('The same as ip.'),
  mac: macField
    .refine(isIdentifyingMac, MACS)
    .optional()
    .describe('The hardware address of the host that gets the address by DHCP.')
    .register(controls, {
      label: 'Hardware address',
      hint: 'The host that gets the address by DHCP. Leave empty for a host that does not ask.',
    }),
  hostname: textField
    .optional()
    .describe('The name of the address; its domain may follow. Default domain: the default one.')
    .register(controls, { label: 'Name', hint: 'Resolved by DNS.' }),
});

function refuseBar(view: NetworkView, bar: Owner, owners: readonly Owner[], wanted: Ipv4): Refusal {
  const refused = (why: string): Refusal => refuse('in-use', `${formatIpv4(wanted)} cannot be reserved: ${why}.`);
  if (bar.kind === 'edge') return refused('it is the first or last address of its network');
  if (bar.kind === 'lease') {
    const { mac, until } = leaseText(bar);
    return refused(`the host ${mac} has it by a lease until ${until} UTC`);
  }
  if (bar.kind === 'configured') {
    const host = bar.mac === undefined ? 'another client' : `the host ${formatMac(bar.mac)}`;
    return refused(`${configuredBy(bar)} gives it to ${host}`);
  }
  if (bar.kind === 'name') return refused(`it is the address of the name ${bar.name}`);
  const held = reservedText(view.records, [{ low: wanted, high: wanted }]);
  return refused(`it is in use (${listPurposes(owners).join(', ')})${held}`);
}

/**
 * The first free address: for an administrator of the static ranges, or else of the rest of the
 * subnet; for a user of that rest alone.
 */
function firstFree(call: ApiCall, { network, served }: SubnetView, barring: readonly Owner[]): Ipv4 | undefined {
  const fixed = served.flatMap((service) => service.fixed ?? []).toSorted((a, b) => a.low - b.low);
  const free = freeParts(
    network,
    barring.toSorted((a, b) => a.low - b.low),
  );
  const places = [...(isAdmin(call) ? fixed : []), ...freeParts(network, fixed)];
  for (const place of places) {
    const part = free.find((range) => rangesOverlap(range, place));
    if (part !== undefined) return ipv4(Math.max(part.low, place.low));
  }
  return undefined;
}

function subnetFor(
  view: NetworkView,
  given: z.output<typeof reserving>,
  address: Ipv4 | undefined,
  field: string,
): SubnetView | Refusal {
  const text = given.subnet || given.network || '';
  const place = !given.subnet && given.network ? 'network' : 'subnet';
  if (text === '') {
    const subnet = address === undefined ? undefined : subnetOfAddress(view, address);
    if (subnet !== undefined) return subnet;
    return address === undefined
      ? refuseField('subnet', 'Give ip or subnet.')
      : refuseField(field, noSubnetText(formatIpv4(address)));
  }
  const subnet = findSubnet(view, text);
  if (subnet === undefined) return refuseField(place, noSubnetText(text.slice(0, 64)));
  if (address === undefined || networkContains(subnet.network, address)) return subnet;
  return refuseField(field, subnetOutsideText(subnet.subnet.cidr));
}

type Host = Pick<ReservedAddress, 'mac' | 'hostname' | 'domain'>;

async function readHost(call: ApiCall, given: z.output<typeof reserving>): Promise<Host | Refusal> {
  const inForce = await call.region.settings.read();
  const named = readHostname(call, given.hostname, inForce);
  if (isRefusal(named)) return named;
  const { mac } = given;
  const host = { mac, ...named };
  const refused = combineOrRefuse(
    await refuseMachine(call, mac),
    await refuseMoving(call, mac, given.ip ?? given.ip_address ?? given.requested_address),
    await refuseHostname(call, host, inForce),
  );
  return isRefusal(refused) ? refused : host;
}

/** An ordinary user gives names in the default domain only, as to machines. */
function readHostname(
  call: ApiCall,
  hostname = '',
  inForce: SettingsReader,
): Pick<Host, 'hostname' | 'domain'> | Refusal {
  if (hostname === '') return {};
  const [byDefault] = currentDomains(call, inForce);
  const named = readNames(call, { hostname }, inForce);
  if (isRefusal(named)) return named;
  const { domain = byDefault } = named;
  return domain === byDefault || isAdmin(call) ? { ...named, domain } : refuse('not-allowed', domainText(byDefault));
}

async function refuseMachine(call: ApiCall, mac: MacAddress | undefined): Promise<Refusal | undefined> {
  if (mac === undefined || isAdmin(call)) return undefined;
  const node = await findNode(call, { macs: [mac] });
  const isOthers = node !== undefined && node.owner !== getCallerUsername(call);
  return isOthers
    ? refuseField(
        'mac',
        `This is an interface of ${node.hostname}, which you do not own: its owner or an administrator may reserve an address for it.`,
      )
    : undefined;
}

async function refuseMoving(
  call: ApiCall,
  mac: MacAddress | undefined,
  wanted: Ipv4 | undefined,
): Promise<Refusal | undefined> {
  const places = mac === undefined ? [] : await hostPlaces(call, [mac]);
  const other = places.find(({ address }) => address !== wanted);
  return other && refuseFor([other.word]);
}

async function refuseHostname(
  call: ApiCall,
  { mac, hostname, domain }: Host,
  inForce: SettingsReader,
): Promise<Refusal | undefined> {
  if (hostname === undefined || domain === undefined) return undefined;
  const name = `${hostname}.${domain}`;
  if (currentRecords(call, inForce).some((record) => record.name === name))
    return refuseField('hostname', `${name} already has records: change those.`);
  const node = await findNode(call, { hostnames: [hostname] });
  const isOwn = node === undefined || node.interfaces.some((nic) => nic.mac === mac);
  return isOwn ? undefined : refuseField('hostname', hostnameTakenText(hostname));
}

/**
 * The refusal of a host that has an address in the subnet, or of a name that another reserved
 * address has.
 */
function refuseHost(
  { records, used }: NetworkDraft,
  { subnet }: SubnetView,
  { mac, hostname, domain }: Host,
): Refusal | undefined {
  const other = records.reserved.find((reserved) => reserved.mac === mac && reserved.subnetId === subnet.id);
  const allocated = used.find((candidate) => candidate.kind === 'allocated' && candidate.mac === mac);
  const had = mac === undefined ? undefined : (other ?? allocated);
  const namesake = records.reserved.find((reserved) => reserved.hostname === hostname && reserved.domain === domain);
  const refused = combineOrRefuse(
    had === undefined
      ? undefined
      : refuseField(
          'mac',
          `This host already has ${formatIpv4(had.address)} in ${subnet.cidr}: release that address first.`,
        ),
    hostname === undefined || namesake === undefined
      ? undefined
      : refuseField(
          'hostname',
          `${hostname}.${domain} is the name of the reserved address ${formatIpv4(namesake.address)}: choose another, or release that address first.`,
        ),
  );
  return isRefusal(refused) ? refused : undefined;
}

async function reserve(call: ApiCall, given: z.output<typeof reserving>): Promise<Answer> {
  const field = (['ip', 'ip_address', 'requested_address'] as const).find((name) => given[name] !== undefined) ?? 'ip';
  const view = await readNetworks(call);
  const wanted = given[field];
  const checked = combineOrRefuse(subnetFor(view, given, wanted, field), await readHost(call, given));
  if (isRefusal(checked)) return checked;
  const [subnet] = checked;
  let [, host] = checked;
  const users = await readUsers(call);
  /** Reads the host again in the transaction: its name may have been given away, or its domain deleted. */
  const renew = async (): Promise<Refusal | undefined> => {
    const now = await readHost(call, given);
    if (isRefusal(now)) return now;
    host = now;
    return undefined;
  };
  return await change(
    call,
    (view) => {
      const added = decideReserving(call, view, subnet, isRefusal(wanted) ? undefined : wanted, host, field);
      if ('kind' in added) return added;
      return makeChange('added', 'address', formatIpv4(added.address), added.id, { put: { reserved: [added] } });
    },
    (after, id) => {
      const added = after.records.reserved.find((reserved) => reserved.id === id);
      return added === undefined ? undefined : addressJson(call, after, added, users);
    },
    hostRange(subnet.network),
    renew,
  );
}

function decideReserving(
  call: ApiCall,
  view: NetworkDraft,
  { subnet }: SubnetView,
  wanted: Ipv4 | undefined,
  host: Host,
  field: string,
): ReservedAddress | Refusal {
  const now = subnetWithId(view, subnet.id);
  if (now === undefined) return refuseField('subnet', noSubnetText(subnet.cidr));
  const refused = refuseHost(view, now, host);
  if (refused !== undefined) return refused;
  const claim = { kind: 'reserved', mac: host.mac } as const;
  const all = [
    ...indexOwners(view).within({ low: now.network.address, high: computeBroadcastAddress(now.network) }),
    ...ownersUsing(view),
  ];
  const barring = all.filter((owner) => bars(owner, claim));
  const address = wanted ?? firstFree(call, now, barring);
  if (address === undefined)
    return refuse(
      'in-use',
      `${now.subnet.cidr} has no address left that you may reserve${reservedText(view.records, [hostRange(now.network)])}: release one, or ask an administrator, who may also reserve addresses of the static range.`,
    );
  const owners = barring.filter((owner) => rangeContains(owner, address));
  const bar = findBar(owners, claim);
  const place = wanted === undefined ? 'subnet' : field;
  const inUse = bar && refuseBar(view, bar, owners, address);
  const holding = refuseReserving(call, view, now, { low: address, high: address }, place);
  const refusal = bar?.kind === 'lease' ? (holding ?? inUse) : (inUse ?? holding);
  if (refusal !== undefined) return refusal;
  const createdMs = call.region.clock.wallTimeMs();
  return { id: view.nextId, subnetId: subnet.id, address, username: getCallerUsername(call), createdMs, ...host };
}

const releasing = z.object({
  ip: ipv4Field.optional().describe('The address.'),
  ip_address: ipv4Field.optional().describe('The same as ip.'),
  force: flagField.optional().describe('True to release the address of another user: administrators only.'),
});

function release(call: ApiCall, { ip, ip_address, force }: z.output<typeof releasing>): Promise<Answer> | Answer {
  const address = ip ?? ip_address;
  if (address === undefined) return refuseField('ip', REQUIRED);
  if (force === true && !isAdmin(call)) return refuse('not-allowed', ONLY_ADMINISTRATORS);
  return change(call, (view) => {
    const reserved = view.records.reserved.find((candidate) => candidate.address === address);
    const mayRelease = reserved !== undefined && (force === true || reserved.username === getCallerUsername(call));
    const name = formatIpv4(address);
    if (!mayRelease)
      return refuse('not-found', `A reservation of ${name} by you does not exist: ipaddresses lists your addresses.`);
    return makeChange('removed', 'address', name, reserved.id, { remove: { reserved: [reserved.id] } });
  });
}

const both: readonly ApiVersion[] = ['1.0', '2.0'];
const base = { versions: both, ownTransaction: true, path: 'ipaddresses', handler: 'IPAddressesHandler' } as const;

export const IPADDRESS_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...base,
    method: 'GET',
    access: 'user',
    parameters: listing,
    answers: ['ipAddress'],
    doc: 'List the addresses that the caller has reserved.',
    run: listReservations,
  }),
  defineOperation({
    ...base,
    method: 'POST',
    op: 'reserve',
    access: 'user',
    parameters: reserving,
    answers: 'ipAddress',
    doc: 'Reserve an address of a subnet. With a hardware address that host gets it by DHCP; with a hostname it has that name. Not idempotent without an address: each call reserves another one.',
    run: reserve,
  }),
  defineOperation({
    ...base,
    method: 'POST',
    op: 'release',
    access: 'user',
    parameters: releasing,
    answers: 'nothing',
    doc: 'Release an address that the caller has reserved.',
    run: release,
  }),
];
