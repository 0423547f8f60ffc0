// Hosts that racks heard on the wire and that are not machines or devices: by a lease, or by their
// neighbours' entries.
//
// Source: MAAS's `discovery/` with its filters.
//
// 1. A discovery is made of the event log: the newest report of a hardware address. It is gone once
//    the log has forgotten it, or once a machine or a device has the address, or once an
//    administrator clears the hosts heard so far.
// 2. Clients read a number as the id of the interface. Interfaces of racks are not objects here, so
//    that number is a digest of names.
// 3. An address is that of the report. Any host can show another one's hardware address.

import { z } from 'zod';
import { formatMac, type MacAddress, parseIpv4 } from '../../../ground/address.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { type NetworkView, subnetOfAddress } from '../../networks/network-view.ts';
import { hashFnv1a } from '../../records/digest.ts';
import type { HeardHost } from '../../records/store.ts';
import { cleanWords } from '../../records/text-json.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, json, refuse, refuseField } from '../call/answer.ts';
import {
  type ApiCall,
  defineOperation,
  eventBy,
  flagParameter,
  ipv4Field,
  isTrue,
  macField,
  type Operation,
  values,
} from '../call/operation.ts';
import { subnetJson } from '../json/subnet-json.ts';
import { countField } from './network-calls.ts';
import { scan } from './network-scan.ts';

/** The most hosts in one list: the ones heard last. */
const LISTED_MAX = 1000;
/** Hosts that were silent for longer are not listed. */
const HEARD_WITHIN_MS = 7 * 86_400_000;
const TEXT_MAX = 64;

/** A field of a rack's report, as text; empty: it has none. */
export function readField({ event }: HeardHost, name: string): string {
  const field: unknown = Reflect.get(event.params, name);
  return typeof field === 'string' ? cleanWords(field, TEXT_MAX) : '';
}

/** The id of a host, as in MAAS: its address and its hardware address, in a form that a path can have. */
const discoveryId = (host: HeardHost): string =>
  Buffer.from(`${readField(host, 'address')},${formatMac(host.mac)}`).toString('base64url');

function discoveryJson(call: ApiCall, host: HeardHost, networks: NetworkView): AnswerOf<'discovery'> {
  const { event, firstMs, mac } = host;
  const ip = readField(host, 'address');
  const address = parseIpv4(ip);
  const subnet = address === undefined ? undefined : subnetOfAddress(networks, address);
  const vlan = subnet?.vlan ?? networks.defaultVlan;
  // A report of the rack of this process has no name.
  const own = call.region.config().ownRack;
  const rack = event.rack === undefined ? own : call.region.racks.list().find(({ name }) => name === event.rack);
  const id = discoveryId(host);
  const observer = { system_id: rack?.uuid ?? '', hostname: event.rack ?? rack?.name ?? '' };
  const nic = readField(host, 'interface');
  return {
    discovery_id: id,
    ip,
    mac_address: formatMac(mac),
    mac_organization: null,
    mdns: [],
    hostname: readField(host, 'hostname') || null,
    first_seen: new Date(firstMs).toISOString(),
    last_seen: new Date(event.atMs).toISOString(),
    fabric: vlan.fabric.id,
    fabric_name: vlan.fabric.name,
    vid: vlan.vlan.vid === 0 ? null : vlan.vlan.vid,
    subnet: subnet === undefined ? null : subnetJson(subnet),
    is_external_dhcp: false,
    observer: { ...observer, interface_id: hashFnv1a(`${observer.hostname} ${nic}`), interface_name: nic },
    resource_uri: `/MAAS/api/2.0/discovery/${id}/`,
  };
}

/** The hosts heard lately; a report without an address shows none. */
export async function heard({ region }: Pick<ApiCall, 'region'>): Promise<readonly HeardHost[]> {
  const { store, clock } = region;
  const hosts = await store.listHeard(clock.wallTimeMs() - HEARD_WITHIN_MS, LISTED_MAX);
  return hosts.filter((host) => readField(host, 'address') !== '');
}

async function listDiscoveries(call: ApiCall): Promise<Answer> {
  const networks = call.region.networks.known;
  return json((await heard(call)).map((host) => discoveryJson(call, host, networks)));
}

async function listUnknownAddresses(call: ApiCall): Promise<Answer> {
  const { store } = call.region;
  const hosts = await heard(call);
  const addresses = hosts.flatMap((host) => parseIpv4(readField(host, 'address')) ?? []);
  const machines = [
    ...(await store.listMachines({ seenAt: addresses }, 0, LISTED_MAX)),
    ...(await store.listMachines({ seenAt: addresses, isDevice: true }, 0, LISTED_MAX)),
  ];
  const where = readPlacement(call.region);
  const addressesInUse = new Set(machines.flatMap((machine) => where.addressesOf(machine)));
  const isKnown = (text: string): boolean => [...addressesInUse].some((address) => address === parseIpv4(text));
  const unknown = hosts.filter((host) => !isKnown(readField(host, 'address')));
  return json(unknown.map((host) => discoveryJson(call, host, where.networks)));
}

const NO_DISCOVERY = 'No discovered host has this id.';

async function read(call: ApiCall): Promise<Answer> {
  const host = (await heard(call)).find((host) => discoveryId(host) === call.path.discovery_id);
  if (host === undefined) return refuse('not-found', NO_DISCOVERY);
  return json(discoveryJson(call, host, call.region.networks.known));
}

const clearing = z.object({
  all: flagParameter('True: all hosts.'),
  neighbours: flagParameter('True: the hosts that racks heard.'),
  mdns: flagParameter('True: names by multicast DNS; Rackboot has none.'),
});

async function clear(call: ApiCall, given: z.output<typeof clearing>): Promise<Answer> {
  const isHosts = isTrue(given.all) || isTrue(given.neighbours);
  if (!isHosts && !isTrue(given.mdns)) return refuseField('all', 'Give all, neighbours or mdns as true.');
  if (!isHosts) return { kind: 'empty' };
  return await forget(call, undefined);
}

/** @param mac `undefined`: forgets all */
async function forget(call: ApiCall, mac: MacAddress | undefined): Promise<Answer> {
  const { store } = call.region;
  await store.clearHeard(mac);
  const name = mac === undefined ? 'of all networks' : formatMac(mac);
  const params = { change: 'removed', what: 'heard hosts', name } as const;
  await store.recordEvent(eventBy(call, 'NETWORKING', { code: 'network-changed', params }), undefined);
  return { kind: 'empty' };
}

const clearingOne = z.object({
  ip: ipv4Field.describe('Its address.'),
  mac: macField.describe('Its hardware address.'),
});

async function clearOne(call: ApiCall, given: z.output<typeof clearingOne>): Promise<Answer> {
  const host = (await heard(call)).find(
    (candidate) => candidate.mac === given.mac && parseIpv4(readField(candidate, 'address')) === given.ip,
  );
  return host === undefined ? refuse('not-found', NO_DISCOVERY) : await forget(call, host.mac);
}

const NETWORKS_MAX = 64;

const scanning = z.object({
  cidr: values(NETWORKS_MAX)
    .optional()
    .describe(
      'The networks, such as 10.20.0.0/24, each within one that the rack serves. Default: all, which needs force.',
    ),
  force: flagParameter('True: scan all networks if none is given.'),
  slow: flagParameter('True: ask for four addresses a second.'),
  threads: countField.optional().describe('How many addresses are asked for at the same time, 1 to 32. Default: 16.'),
  always_use_ping: flagParameter('Only false: hosts are asked by ARP.'),
});
const common = { versions: ['2.0'], method: 'GET', access: 'user', parameters: z.object({}) } as const;
const many = { ...common, path: 'discovery', handler: 'DiscoveriesHandler' } as const;

const listing = (op: string | undefined, run: (call: ApiCall) => Promise<Answer>, doc: string): Operation =>
  defineOperation({ ...many, op, answers: ['discovery'], doc, run });

export const DISCOVERY_OPERATIONS: readonly Operation[] = [
  listing(undefined, listDiscoveries, 'List the hosts that racks heard and that are not machines or devices.'),
  listing(
    'by_unknown_mac',
    listDiscoveries,
    'List the hosts whose hardware address no machine or device has: the same as all heard hosts.',
  ),
  listing('by_unknown_ip', listUnknownAddresses, 'List the hosts whose address no machine or device has.'),
  listing(
    'by_unknown_ip_and_mac',
    listUnknownAddresses,
    'List the hosts whose address and hardware address no machine or device has.',
  ),
  defineOperation({
    ...many,
    method: 'POST',
    op: 'clear',
    access: 'admin',
    parameters: clearing,
    answers: 'nothing',
    doc: 'Forget the hosts heard so far. Those that are still present are listed again once they are heard.',
    run: clear,
  }),
  defineOperation({
    ...many,
    method: 'POST',
    op: 'clear_by_mac_and_ip',
    access: 'admin',
    parameters: clearingOne,
    answers: 'nothing',
    doc: 'Forget one heard host. It is listed again once it is heard.',
    run: clearOne,
  }),
  defineOperation({
    ...many,
    method: 'POST',
    op: 'scan',
    access: 'admin',
    parameters: scanning,
    answers: 'scan',
    // It waits for the rack.
    ownTransaction: true,
    doc:
      'Ask for the hosts in networks of the rack in the process of the region, by ARP. The answer comes at the start; discovery lists the ' +
      'hosts once they have answered. Not idempotent: each call starts a scan, unless one runs.',
    run: scan,
  }),
  defineOperation({
    ...common,
    path: 'discovery/{discovery_id}',
    handler: 'DiscoveryHandler',
    answers: 'discovery',
    doc: 'Read one heard host.',
    run: read,
  }),
];
