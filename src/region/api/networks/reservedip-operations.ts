// Reserved IPs: addresses of a subnet, each of which one host alone gets by DHCP.
//
// Sources: MAAS API 2.0, `reservedips/` (3.6).
//
// 1. A reserved IP is an entry of `hosts` that the region stores: one of a cluster interface, or one
//    of the subnet itself. What is created here is the subnet's, so every rack that serves the
//    subnet by the store answers the host, also one that will.
// 2. It is judged as an entry of `hosts` is, with the configuration of each rack that gets it.
// 3. Where only files of racks have the subnet, the refusal names file and key: `hosts` is there.

import { z } from 'zod';
import { formatIpv4, formatMac, networkContains, rangeContains } from '../../../ground/address.ts';
import { configuredBy, findBar, indexOwners, ownersUsing } from '../../networks/address-owners.ts';
import { hostRange } from '../../networks/address-use.ts';
import { type NetworkView, type SubnetView, subnetOfAddress } from '../../networks/network-view.ts';
import type { NetworkDraft, WantedChange } from '../../networks/networks.ts';
import { addressBarText, isAdopted } from '../../networks/range-check.ts';
import { listSubnetHosts, type SubnetHost } from '../../records/subnet-service.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, isRefusal, type Refusal, refuseField } from '../call/answer.ts';
import { type ApiCall, ipv4Field, macField, nothing, type Operation, resource } from '../call/operation.ts';
import { reservedIpJson, subnetJson } from '../json/subnet-json.ts';
import {
  absent,
  findSubnet,
  makeChange,
  networkIdIn,
  networkObjects,
  noSubnetText,
  noteField,
  serviceRow,
  subnetOutsideText,
  textField,
} from './network-calls.ts';

const changedIp = z.object({ comment: noteField.optional().describe('A note for people.') });
const newIp = changedIp.extend({
  ip: ipv4Field.describe('The address, inside or outside the ranges of its subnet.'),
  mac_address: macField.describe('The hardware address of the host that gets it.'),
  subnet: textField.optional().describe('The id or network of its subnet. Default: the one that has the address.'),
});
type NewIp = z.output<typeof newIp>;

/** The row of a reserved IP; each cluster interface of a subnet may have one of its own. */
interface ReservedIp {
  readonly host: SubnetHost;
  readonly subnet: SubnetView;
}

/** Equal for rows that are one reserved IP: several racks of a subnet may have the same entry. */
const formatIdentity = ({ subnetId, address, entry }: SubnetHost): string => JSON.stringify([subnetId, address, entry]);

/** Of several rows, the one with the lowest id. */
function listReservedIps({ records, subnets }: NetworkView): readonly ReservedIp[] {
  const byId = new Map(subnets.map((view) => [view.subnet.id, view]));
  const listed = new Set<string>();
  return records.hosts.flatMap((host): readonly ReservedIp[] => {
    const subnet = byId.get(host.subnetId);
    const identity = formatIdentity(host);
    if (subnet === undefined || listed.has(identity)) return [];
    listed.add(identity);
    return [{ host, subnet }];
  });
}

const findReservedIp = (view: NetworkView, id: number): ReservedIp | undefined => {
  const host = view.records.hosts.find((row) => row.id === id);
  const subnet = view.subnets.find((subnetView) => subnetView.subnet.id === host?.subnetId);
  return host === undefined || subnet === undefined ? undefined : { host, subnet };
};

/** As the caller names the fields of an entry of `hosts`. */
const FIELDS: Readonly<Record<string, string>> = { mac: 'mac_address', hosts: 'subnet' };

const reservedIps = networkObjects<ReservedIp>({
  all: listReservedIps,
  idOf: ({ host }) => host.id,
  find: (view, { id }) => findReservedIp(view, networkIdIn(id)),
  notFound: ({ id }) => absent('reserved IP', id),
  render: () => {
    const shown = new Map<SubnetView, AnswerOf<'subnet'>>();
    return (_view, { host, subnet }) => {
      const ofSubnet = shown.get(subnet) ?? subnetJson(subnet);
      shown.set(subnet, ofSubnet);
      return reservedIpJson(host, ofSubnet);
    };
  },
  fields: FIELDS,
});

/** Why a host may not have the address; `undefined`: it may. */
function refuseIp(
  view: NetworkDraft,
  { subnet, network, served }: SubnetView,
  { ip, mac_address: mac }: NewIp,
): Refusal | undefined {
  if (!networkContains(network, ip)) return refuseField('ip', subnetOutsideText(subnet.cidr));
  if (view.records.hosts.some(({ subnetId, address }) => subnetId === subnet.id && address === ip))
    return refuseField('ip', `${formatIpv4(ip)} is reserved already: change or delete that one.`);
  const owners = indexOwners(view);
  const other = owners
    .ofHost(mac)
    .find(({ kind, low }) => kind === 'configured' && low !== ip && rangeContains(hostRange(network), low));
  if (other !== undefined)
    return refuseField(
      'mac_address',
      `${formatMac(mac)} has ${formatIpv4(other.low)} by ${configuredBy(other)}: a host has one address in a subnet.`,
    );
  // What racks get is judged as their configuration, each with its own ranges.
  if (served.some((service) => !isRefusal(serviceRow(view, service)))) return undefined;
  const all = [...owners.at(ip), ...ownersUsing(view)].filter((owner) => !isAdopted(owner));
  const bar = findBar(all, { kind: 'configured', mac });
  return bar && refuseField('ip', addressBarText(bar, 'another address'));
}

/** The refusal where racks serve the subnet by their files alone. */
function refuseFiles(view: NetworkDraft, { served }: SubnetView): Refusal | undefined {
  const rows = served.map((service) => serviceRow(view, service));
  return rows.every(isRefusal) ? rows[0] : undefined;
}

function addition(view: NetworkDraft, input: NewIp): WantedChange | Refusal {
  const { ip: address, mac_address: mac, subnet: text = '', comment = '' } = input;
  const subnet = text === '' ? subnetOfAddress(view, address) : findSubnet(view, text);
  if (subnet === undefined)
    return text === ''
      ? refuseField('ip', noSubnetText(formatIpv4(address)))
      : refuseField('subnet', noSubnetText(text.slice(0, 64)));
  const refused = refuseIp(view, subnet, input) ?? refuseFiles(view, subnet);
  if (refused !== undefined) return refused;
  const isFree = view.records.hosts.every(({ id }) => id !== address);
  const host: SubnetHost = {
    id: isFree ? address : view.nextId,
    subnetId: subnet.subnet.id,
    serviceId: undefined,
    position: nextPosition(view, subnet),
    address,
    entry: { mac: formatMac(mac), ip: formatIpv4(address) },
    comment,
  };
  const nextId = view.nextId + (isFree ? 0 : 1);
  return makeChange('added', 'reserved IP', formatIpv4(address), host.id, { put: { hosts: [host] }, nextId });
}

const nextPosition = ({ records }: NetworkView, { subnet }: SubnetView): number =>
  (listSubnetHosts(records, subnet.id).at(-1)?.position ?? 0) + 1;

const add = (call: ApiCall, input: NewIp): Promise<Answer> =>
  reservedIps.store(call, (view) => addition(view, input), { low: input.ip, high: input.ip });

/** The rows of a reserved IP. */
const listRows = ({ records }: NetworkView, { host }: ReservedIp): readonly SubnetHost[] =>
  records.hosts.filter((row) => formatIdentity(row) === formatIdentity(host));

const amend = (call: ApiCall, { comment }: z.output<typeof changedIp>): Promise<Answer> =>
  reservedIps.changeOne(call, (before, view) => {
    const { id, address, comment: former } = before.host;
    const hosts = listRows(view, before).map((row) => ({ ...row, comment: comment ?? former }));
    return makeChange('changed', 'reserved IP', formatIpv4(address), id, { put: { hosts } });
  });

const remove = (call: ApiCall): Promise<Answer> =>
  reservedIps.changeOne(call, (before, view) => {
    const { id, address } = before.host;
    const hosts = listRows(view, before).map((row) => row.id);
    return makeChange('removed', 'reserved IP', formatIpv4(address), id, { remove: { hosts } });
  });

const base = { versions: ['2.0'], ownTransaction: true } as const;
const ips = { ...base, path: 'reservedips', handler: 'ReservedIpsHandler' } as const;
const ip = { ...base, path: 'reservedips/{id}', handler: 'ReservedIpHandler' } as const;

export const RESERVEDIP_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: ips,
    one: ip,
    answers: 'reservedIp',
    list: [
      'List the addresses that hosts alone get by DHCP, of all subnets: those created here, and entries of hosts that the region stores.',
      nothing,
      reservedIps.list,
    ],
    add: [
      'Reserve an address for a host, which gets it by DHCP from every rack that serves its subnet. Without a rack there, it waits for the first.',
      newIp,
      add,
    ],
    read: ['Read a reserved IP.', nothing, reservedIps.read],
    change: [
      'Change the comment of a reserved IP. For another host or address, delete it and create another.',
      changedIp,
      amend,
    ],
    remove: ['Delete a reserved IP. A host that has the address keeps it until its lease ends.', nothing, remove],
  }),
];
