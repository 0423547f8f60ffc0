// The interfaces of a node as API 1.0 has them: hardware addresses, and an address that stays with
// one of them.
//
// Sources: MAAS 1.x, `nodes/<system_id>/macs/` (list, read, create, delete) and
// `op=claim_sticky_ip_address` of a node.
//
// 1. An interface that a person adds stays until a person deletes it. One that the machine reports
//    comes back with its next report.
// 2. A sticky address is a static link of the interface, in place of its links without such an address.

import { formatIpv4, formatMac, type Ipv4, type MacAddress, parseMac } from '../../../ground/address.ts';
import { lastInterfaceText } from '../../layout/interface-changes.ts';
import { buildNetInterfaces, type NetInterface } from '../../layout/interfaces.ts';
import type { NetworkDraft } from '../../layout/network-draft.ts';
import { noNodeInterfaceText } from '../../layout/network-draft.ts';
import { lockedText } from '../../life/commands.ts';
import { staticAddresses } from '../../life/link-addresses.ts';
import { subnetOfAddress } from '../../networks/network-view.ts';
import type { ChangeKnowledge } from '../../records/knowledge.ts';
import type { Machine } from '../../records/machine.ts';
import { fieldRefusal } from '../../records/refusal.ts';
import { type Answer, isRefusal, json, NO_MACHINE, type Refusal, refuse } from '../call/answer.ts';
import { maasTime } from '../call/maas-time.ts';
import type { ApiCall } from '../call/operation.ts';
import { findNodeInPath, withMachine } from '../machines/machine-calls.ts';
import { refusalIn } from '../networks/network-calls.ts';
import { ALLOC_TYPES } from '../networks/subnet-use-operations.ts';
import { addPhysical, changeNetwork, type Edit, putInterfaces, refuseOrdinary } from './interface-calls.ts';
import { shownName } from './layout-calls.ts';
import { linkWith, listHostPlaces } from './node-interface-change-operations.ts';

const macJson = ({ systemId }: Machine, mac: Machine['interfaces'][number]['mac']): Record<string, unknown> => {
  const text = formatMac(mac);
  return {
    mac_address: text,
    resource_uri: `/MAAS/api/1.0/nodes/${systemId}/macs/${encodeURIComponent(text)}/`,
  };
};

const noMac = ({ path }: ApiCall, { hostname }: Machine): Refusal =>
  refuse('not-found', noNodeInterfaceText(hostname, shownName(path.mac_address)));

const interfaceIn = ({ path }: ApiCall, { interfaces }: Machine): Machine['interfaces'][number] | undefined =>
  interfaces.find(({ mac }) => mac === parseMac(path.mac_address ?? ''));

export const listMacs = withMachine(
  (_call, node) => json(node.interfaces.map(({ mac }) => macJson(node, mac))),
  findNodeInPath,
);

export const readMac = withMachine((call, node) => {
  const nic = interfaceIn(call, node);
  return nic === undefined ? noMac(call, node) : json(macJson(node, nic.mac));
}, findNodeInPath);

/** The node in the path if the caller may change its interfaces. */
async function changeable(call: ApiCall): Promise<Machine | Refusal> {
  const barred = await refuseOrdinary(call);
  if (barred !== undefined) return barred;
  const node = await findNodeInPath(call);
  if (node === undefined) return NO_MACHINE;
  const { hostname: machine, systemId } = node;
  return node.isLocked === true ? refuse('machine-locked', lockedText(machine, systemId)) : node;
}

export async function addMac(call: ApiCall, mac: MacAddress): Promise<Answer> {
  const node = await changeable(call);
  if (isRefusal(node)) return node;
  const added = await addPhysical(call, node, mac);
  if (isRefusal(added)) return added;
  return json(macJson(added, mac));
}

/** Deletes an interface that has no address of its own. */
export async function removeMac(call: ApiCall): Promise<Answer> {
  const node = await changeable(call);
  if (isRefusal(node)) return node;
  const nic = interfaceIn(call, node);
  if (nic === undefined) return noMac(call, node);
  const { hostname: machine, systemId, interfaces, addresses } = node;
  const name = formatMac(nic.mac);
  const fixedAddress = addresses.find(({ mac }) => mac === nic.mac);
  if (fixedAddress !== undefined)
    return refuse(
      'layout-refused',
      `${name} of ${machine} has the address ${formatIpv4(fixedAddress.address)}: release the machine or unlink the interface first.`,
    );
  if (interfaces.length === 1) return refuse('layout-refused', lastInterfaceText(machine, name));
  const left = interfaces.filter(({ mac }) => mac !== nic.mac);
  const changed = await putInterfaces(call, systemId, left);
  return isRefusal(changed) ? changed : { kind: 'empty' };
}

interface Claim {
  readonly mac_address?: MacAddress | undefined;
  readonly requested_address?: Ipv4 | undefined;
}

const claimed = (all: readonly NetInterface[], { mac_address: mac }: Claim): NetInterface | undefined =>
  all.find((netInterface) => netInterface.nic !== undefined && (mac === undefined || netInterface.mac === mac));

export async function claimAddress(call: ApiCall, claim: Claim): Promise<Answer> {
  const { requested_address: requested } = claim;
  let mac: NetInterface['mac'] | undefined;
  const places = await listHostPlaces(call);
  const edit = (draft: NetworkDraft, knowledge: ChangeKnowledge): ReturnType<Edit> => {
    const netInterface = claimed(buildNetInterfaces(draft.machine, draft.networks), claim);
    if (netInterface === undefined)
      return {
        kind: 'refuse',
        field: 'mac_address',
        refusal: fieldRefusal(
          'No interface of this node has this hardware address: nodes/<system_id>/macs/ lists them.',
        ),
      };
    mac = netInterface.mac;
    const links = netInterface.links.filter(({ mode, address }) => mode === 'static' && address !== undefined);
    const isKept = links.some(({ address }) => requested === undefined || address === requested);
    if (isKept) return { draft, shown: netInterface.id };
    const home = netInterface.links.find(({ subnet }) => subnet !== undefined)?.subnet ?? netInterface.seenIn;
    const subnet = requested === undefined ? home : subnetOfAddress(draft.networks, requested);
    if (subnet === undefined)
      return {
        kind: 'refuse',
        field: 'requested_address',
        refusal: fieldRefusal(
          'No known subnet has this address, or without an address, the interface is in none: give an address of a subnet.',
        ),
      };
    const wish = { mode: 'static', subnetId: subnet.subnet.id, address: requested, isGateway: false } as const;
    return linkWith(call, draft, netInterface, { ...wish, isForced: links.length === 0 }, knowledge, places);
  };
  const answer = await changeNetwork(call, edit);
  if (answer.kind !== 'json')
    return refusalIn({ ip_address: 'requested_address', subnet: 'requested_address' }, answer);
  const after = await findNodeInPath(call);
  const created = maasTime(call.region.clock.wallTimeMs());
  const fixedAddresses =
    after === undefined ? [] : staticAddresses(after).filter((staticAddress) => staticAddress.mac === mac);
  return json(
    fixedAddresses
      .filter(({ address }) => requested === undefined || address === requested)
      .map(({ address }) => ({
        alloc_type: ALLOC_TYPES.STICKY.number,
        created,
        ip: formatIpv4(address),
        resource_uri: '/MAAS/api/1.0/ipaddresses/',
      })),
  );
}
