// Subnets: list, read, create, change, delete.
//
// Sources: MAAS API 2.0, `subnets/`.
//
// 1. Of a served subnet, `gateway_ip`, `dns_servers` and `allow_dns` are also those of its cluster
//    interfaces, which a change changes at the rack at once; where the rack's file has others, the
//    refusal names file and key. A served subnet is not deleted, unless its cluster interface was
//    made for its range and is switched off: then both go.
// 2. A cluster interface that is not in force, such as that of a rack that is gone, keeps its
//    values while its subnet changes.

import { formatIpv4 } from '../../../ground/address.ts';
import type { NetworkView, SubnetView } from '../../networks/network-view.ts';
import type { NetworkDraft, WantedChange } from '../../networks/networks.ts';
import { missingPlace, newSubnet } from '../../networks/reconcile.ts';
import type { ServedNetwork } from '../../networks/served-networks.ts';
import { keepServices } from '../../networks/service-form.ts';
import type { Subnet } from '../../records/network-store.ts';
import { NO_ROUTER, type SubnetService } from '../../records/subnet-service.ts';
import { type Answer, isRefusal, type Refusal, refuse } from '../call/answer.ts';
import { type ApiCall, nothing, type Operation, resource } from '../call/operation.ts';
import { subnetJson } from '../json/subnet-json.ts';
import { absent, findSubnet, makeChange, networkObjects, serviceRows } from './network-calls.ts';
import {
  changedSubnet,
  type GivenSubnet,
  newSubnetFields,
  routerIn,
  type WantedSubnet,
  wantedSubnet,
} from './subnet-fields.ts';
import { isMade } from './vlan-service.ts';

export const noSubnet = ({ id }: ApiCall['path']): Refusal => absent('subnet', id);

const { list, read, store, changeOne } = networkObjects<SubnetView>({
  all: (view) => view.subnets,
  idOf: ({ subnet }) => subnet.id,
  find: (view, { id = '' }) => findSubnet(view, id),
  notFound: noSubnet,
  render: () => (_view, subnet) => subnetJson(subnet),
  fields: { router_ip: 'gateway_ip' },
});

/** A subnet with its new network, texts and VLAN. */
const changedRow = (subnet: Subnet, { name, description }: GivenSubnet, { cidr, vlanId }: WantedSubnet): Subnet => ({
  ...subnet,
  cidr: cidr ?? subnet.cidr,
  name: name ?? subnet.name,
  description: description ?? subnet.description,
  vlanId: vlanId ?? subnet.vlanId,
  isTouched: true,
});

export function subnetAddition(view: NetworkDraft, given: GivenSubnet): WantedChange | Refusal {
  const wanted = wantedSubnet(view, given, undefined);
  if ('kind' in wanted) return wanted;
  const cidr = wanted.cidr ?? '';
  // Of the discovered or idle subnet of which it takes the place.
  const former = view.records.subnets.find((other) => other.cidr === cidr);
  const id = former?.id ?? view.nextId;
  const subnet: Subnet = {
    ...changedRow(newSubnet(id, cidr), given, wanted),
    gateway: wanted.gateway ?? undefined,
    dnsServers: wanted.dnsServers ?? [],
    allowsDns: given.allow_dns ?? true,
  };
  const services = former === undefined ? [] : keepServices(view.records, former, subnet);
  const put = { ...missingPlace(view.records), subnets: [subnet], services };
  return makeChange('added', 'subnet', cidr, id, { put, nextId: view.nextId + 1 });
}

const addSubnet = (call: ApiCall, input: GivenSubnet): Promise<Answer> =>
  store(call, (view) => subnetAddition(view, input), routerIn(input));

export function subnetChange(view: NetworkDraft, before: SubnetView, given: GivenSubnet): WantedChange | Refusal {
  const wanted = wantedSubnet(view, given, before);
  if ('kind' in wanted) return wanted;
  const { subnet, served } = before;
  const { dnsServers, gateway } = wanted;
  const { allow_dns: allowsDns = before.allowsDns } = given;
  const isAffected = (service: ServedNetwork): boolean =>
    (gateway !== undefined && gateway !== (service.router ?? null)) ||
    (dnsServers !== undefined && dnsServers.join() !== service.dnsServers.join()) ||
    (service.management > 0 && allowsDns !== before.allowsDns);
  const affected = serviceRows(view, served.filter(isAffected));
  if (isRefusal(affected)) return affected;
  const isAsServed = served.length > 0 && affected.length === 0;
  const isGatewayLeft = gateway === undefined || (isAsServed && gateway === before.gateway);
  const changed: Subnet = {
    ...changedRow(subnet, given, wanted),
    gateway: isGatewayLeft ? subnet.gateway : (gateway ?? undefined),
    dnsServers: dnsServers === undefined || isAsServed ? subnet.dnsServers : dnsServers,
    allowsDns,
  };
  const edited = affected.map(
    (row): SubnetService => ({
      ...row,
      router: gateway === undefined ? row.router : (gateway ?? NO_ROUTER),
      dnsServers: dnsServers === undefined ? row.dnsServers : dnsServers.length === 0 ? null : dnsServers,
      isDns: row.isOn ? allowsDns : row.isDns,
    }),
  );
  const services = keepServices(view.records, subnet, changed, edited);
  return makeChange('changed', 'subnet', changed.cidr, changed.id, { put: { subnets: [changed], services } });
}

const amendSubnet = (call: ApiCall, input: GivenSubnet): Promise<Answer> =>
  changeOne(call, (before, view) => subnetChange(view, before, input), routerIn(input));

/** The change that removes a subnet with all that is in it. */
export function subnetRemoval(view: NetworkView, found: SubnetView): WantedChange | Refusal {
  const { id, cidr: name } = found.subnet;
  const made = view.ranges.filter((range) => range.subnet.subnet.id === id && isMade(range));
  const served = found.served.find((service) => made.every((range) => range.served !== service));
  if (served !== undefined)
    return refuse(
      'in-use',
      `The rack ${served.rackName} serves ${name}: remove its cluster interface ${served.name} first.`,
    );
  const reserved = view.records.reserved.find(({ subnetId }) => subnetId === id);
  if (reserved !== undefined)
    return refuse('in-use', `${formatIpv4(reserved.address)} of ${name} is reserved: release it first.`);
  const isOnRoute = view.records.routes.some(({ sourceId, destinationId }) => sourceId === id || destinationId === id);
  if (isOnRoute) return refuse('in-use', `A static route leads from or to ${name}: delete it first.`);
  return makeChange('removed', 'subnet', name, id, { remove: { subnets: [id] } });
}

const base = { versions: ['2.0'], ownTransaction: true } as const;
const subnets = { ...base, path: 'subnets', handler: 'SubnetsHandler' } as const;
const subnet = { ...base, path: 'subnets/{id}', handler: 'SubnetHandler' } as const;

export const SUBNET_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: subnets,
    one: subnet,
    answers: 'subnet',
    list: ['List the subnets.', nothing, list],
    add: ['Create a subnet. The subnets that racks serve exist already.', newSubnetFields, addSubnet],
    read: ['Read a subnet by its id, its network (cidr:10.20.0.0/24) or its name.', nothing, read],
    change: [
      'Change a subnet. Racks that serve it hand out a new router or new DNS servers at once.',
      changedSubnet,
      amendSubnet,
    ],
    remove: [
      'Delete a subnet that no rack serves, with its ranges. Refused while a machine is linked to it or has an address in it.',
      nothing,
      (call) => changeOne(call, (before, view) => subnetRemoval(view, before)),
    ],
  }),
];
