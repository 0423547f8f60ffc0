// The network interfaces of a rack's host, as those of a machine are shown.
//
// Sources: the `interface_set` of MAAS's rack controllers; its `nodes/{system_id}/interfaces/`,
// which has no changes for controllers.
//
// 1. These are the interfaces with an address that the rack reports, and those that its cluster
//    interfaces name. An address is a static link.
// 2. An id comes from the rack and the name, so it stays when the rack or the region starts again.
//    Those of machines are below ID_MIN.
// 3. Everything comes from what the region has in memory.

import { formatMac, type Ipv4, type MacAddress, parseIpv4, parseMac } from '../../../ground/address.ts';
import { type NetworkView, specified, subnetOfAddress } from '../../networks/network-view.ts';
import { parseTagged } from '../../networks/rack-hosts.ts';
import { hashFnv1a } from '../../records/digest.ts';
import type { Rack } from '../../records/rack.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type HostInterfaceView, hostInterfaceJson } from '../json/node-interface-json.ts';

type Json = AnswerOf<'interface'>;

/** Ids are 31 bits long, with the first one set. The store counts those of machines from 1. */
const ID_MIN = 2 ** 30;
const ID_DIGEST_BITS = 30;

interface SeenInterface {
  mac: MacAddress | undefined;
  readonly addresses: Set<Ipv4>;
}

/** A number that no other text has; the next free one after a collision. */
function takeId(text: string, taken: Set<number>): number {
  let id = ID_MIN + (hashFnv1a(text) >>> (32 - ID_DIGEST_BITS));
  while (taken.has(id)) id += 1;
  taken.add(id);
  return id;
}

function interfacesByName({ pulse, interfaces }: Rack): ReadonlyMap<string, SeenInterface> {
  const byName = new Map<string, SeenInterface>();
  const add = (name: string, text: string, mac: string | undefined): void => {
    if (name === '') return;
    const existing = byName.get(name) ?? { mac: undefined, addresses: new Set<Ipv4>() };
    byName.set(name, existing);
    existing.mac ??= parseMac(mac ?? '');
    const address = parseIpv4(text);
    if (address !== undefined) existing.addresses.add(address);
  };
  for (const { interface: name, address, mac } of pulse?.addresses ?? [])
    add(name, address.slice(0, address.indexOf('/')), mac);
  for (const { interface: name, ip } of interfaces) add(name, ip, undefined);
  return byName;
}

export const macsOfRack = ({ pulse }: Rack): readonly MacAddress[] =>
  (pulse?.addresses ?? []).flatMap(({ mac }) => parseMac(mac ?? '') ?? []);

function rackInterfaces(rack: Rack, networks: NetworkView): readonly HostInterfaceView[] {
  const ids = new Set<number>();
  const linkIds = new Set<number>();
  const interfaces = interfacesByName(rack);
  const children = new Map<string, string[]>();
  for (const name of interfaces.keys()) {
    const parent = parseTagged(name)?.parent;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), name]);
  }
  return [...interfaces].map(([name, { mac, addresses }]) => {
    const links = [...addresses].map((address) => {
      const subnet = subnetOfAddress(networks, address);
      const id = takeId(`${rack.uuid}/${name}/${address}`, linkIds);
      return { id, mode: 'static' as const, address, subnet, subnetId: subnet?.subnet.id };
    });
    const parent = parseTagged(name)?.parent;
    return {
      id: takeId(`${rack.uuid}/${name}`, ids),
      name,
      kind: parent === undefined ? 'physical' : 'vlan',
      mac: mac === undefined ? '' : formatMac(mac),
      systemId: rack.uuid,
      parents: parent !== undefined && interfaces.has(parent) ? [parent] : [],
      children: children.get(name) ?? [],
      vlan: links.find(({ subnet }) => subnet !== undefined)?.subnet?.vlan,
      links,
    };
  });
}

export const rackInterfacesJson = (rack: Rack, networks: NetworkView): readonly Json[] =>
  rackInterfaces(rack, networks).map(hostInterfaceJson);

export function findRackInterface(rack: Rack, networks: NetworkView, named: string): Json | undefined {
  const all = rackInterfaces(rack, networks);
  const hostInterface = specified(all, named) ?? all.find(({ mac }) => mac !== '' && mac === named.toLowerCase());
  return hostInterface === undefined ? undefined : hostInterfaceJson(hostInterface);
}
