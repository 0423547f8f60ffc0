// The use of a subnet's addresses: the addresses of machines and users, the used and the free
// ranges, and statistics.
//
// Sources: MAAS API 2.0, `subnets/<id>/` with `ip_addresses`, `reserved_ip_ranges`,
// `unreserved_ip_ranges`, `statistics`; the numbers of its kinds of allocation.
//
// 1. An address that a machine was only seen to use (a lease, or one heard on the wire) has the
//    kind DISCOVERED.

import { z } from 'zod';
import { formatIpv4, type Ipv4Range, networkContains, rangeSize } from '../../../ground/address.ts';
import { countUse, freeParts, hostRange, USED_MAX, type UsedPart, usedParts } from '../../networks/address-use.ts';
import type { NetworkView, SubnetView } from '../../networks/network-view.ts';
import { propose } from '../../networks/range-proposal.ts';
import type { ReservedAddress, UsedAddress } from '../../records/network-store.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, json } from '../call/answer.ts';
import { maasTime } from '../call/maas-time.ts';
import { type ApiCall, defineOperation, nothing, type Operation } from '../call/operation.ts';
import { findSubnet, flagField, listed, readNetworks } from './network-calls.ts';
import { noSubnet } from './subnet-operations.ts';

export const ALLOC_TYPES = {
  AUTO: { number: 0, name: 'Automatic' },
  STICKY: { number: 1, name: 'Sticky' },
  USER_RESERVED: { number: 4, name: 'User reserved' },
  DISCOVERED: { number: 6, name: 'Observed' },
} as const;
const NODE_TYPES = { machine: 0, device: 1 } as const;

async function withUses(
  call: ApiCall,
  run: (subnet: SubnetView, view: NetworkView, used: readonly UsedAddress[]) => Answer,
): Promise<Answer> {
  const view = await readNetworks(call);
  const subnet = findSubnet(view, call.path.id ?? '');
  if (subnet === undefined) return noSubnet(call.path);
  const { low, high } = hostRange(subnet.network);
  return run(subnet, view, await call.region.store.networks.usedBetween(low, high, USED_MAX));
}

interface Shown {
  readonly with_username?: boolean | undefined;
  readonly with_node_summary?: boolean | undefined;
}

function allocationType({ kind, isStatic }: UsedAddress): keyof typeof ALLOC_TYPES {
  if (kind === 'seen') return 'DISCOVERED';
  return isStatic ? 'STICKY' : 'AUTO';
}

function machineAddressJson(one: UsedAddress, { with_username, with_node_summary }: Shown): AnswerOf<'usedAddress'> {
  const at = maasTime(one.atMs);
  return {
    ip: formatIpv4(one.address),
    alloc_type: ALLOC_TYPES[allocationType(one)].number,
    created: at,
    updated: at,
    ...(with_username === false ? {} : { user: one.owner }),
    ...(with_node_summary === false
      ? {}
      : {
          node_summary: {
            system_id: one.systemId,
            node_type: one.isDevice ? NODE_TYPES.device : NODE_TYPES.machine,
            fqdn: `${one.hostname}.${one.domain}`,
            hostname: one.hostname,
            is_container: false,
            ...(one.interfaceName === '' ? {} : { via: one.interfaceName }),
          },
        }),
  };
}

const userAddressJson = (
  { address, username, createdMs }: ReservedAddress,
  { with_username }: Shown,
): AnswerOf<'usedAddress'> => ({
  ip: formatIpv4(address),
  alloc_type: ALLOC_TYPES.USER_RESERVED.number,
  created: maasTime(createdMs),
  updated: maasTime(createdMs),
  ...(with_username === false ? {} : { user: username }),
});

const addresses = (call: ApiCall, choice: Shown): Promise<Answer> =>
  withUses(call, ({ subnet, network }, { records }, used) => {
    const allocated = new Set(used.filter(({ kind }) => kind === 'allocated').map(({ address }) => address));
    const reserved = records.reserved.filter(({ subnetId }) => subnetId === subnet.id);
    const all: readonly (UsedAddress | ReservedAddress)[] = [
      ...used.filter(
        ({ kind, address, isEnded }) =>
          networkContains(network, address) && (kind === 'allocated' || !(isEnded || allocated.has(address))),
      ),
      ...reserved,
    ].toSorted((a, b) => a.address - b.address);
    return listed(call, all, (address) =>
      'kind' in address ? machineAddressJson(address, choice) : userAddressJson(address, choice),
    );
  });

const rangeJson = (range: Ipv4Range): AnswerOf<'freeRange'> => ({
  start: formatIpv4(range.low),
  end: formatIpv4(range.high),
  num_addresses: rangeSize(range),
});
const partJson = (part: UsedPart): AnswerOf<'usedRange'> => ({ ...rangeJson(part), purpose: part.purposes });

const percent = (part: number): string => `${Math.round(part * 100)}%`;

const statistics = (
  call: ApiCall,
  given: { readonly include_ranges?: boolean | undefined; readonly include_suggestions?: boolean | undefined },
): Promise<Answer> =>
  withUses(call, (subnet, view, used) => {
    const parts = usedParts(view, subnet, { used });
    const { total, available, largest, first, last } = countUse(subnet.network, parts);
    const usage = (total - available) / total;
    const { router, dynamic } = propose(freeParts(subnet.network, parts));
    return json({
      num_available: available,
      largest_available: largest,
      num_unavailable: total - available,
      total_addresses: total,
      usage,
      usage_string: percent(usage),
      available_string: percent(1 - usage),
      first_address: formatIpv4(first),
      last_address: formatIpv4(last),
      ip_version: 4,
      ...(given.include_ranges === true ? { ranges: parts.map(partJson) } : {}),
      ...(given.include_suggestions === true
        ? {
            suggested_gateway: router === undefined ? null : formatIpv4(router),
            suggested_dynamic_range: dynamic === undefined ? null : rangeJson(dynamic),
          }
        : {}),
    });
  });

const subnet = {
  versions: ['2.0'],
  path: 'subnets/{id}',
  handler: 'SubnetHandler',
  method: 'GET',
  access: 'user',
} as const;

export const SUBNET_USE_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...subnet,
    op: 'ip_addresses',
    answers: ['usedAddress'],
    doc: 'List the addresses in the subnet: allocated to machines, seen on them, and reserved by users.',
    parameters: z.object({
      with_username: flagField.optional().describe('False to leave out the owner.'),
      with_node_summary: flagField.optional().describe('False to leave out the machine.'),
    }),
    run: addresses,
  }),
  defineOperation({
    ...subnet,
    op: 'reserved_ip_ranges',
    parameters: nothing,
    answers: ['usedRange'],
    doc: 'List the ranges of the subnet that are in use, each with its purposes.',
    run: (call) => withUses(call, (home, view, used) => listed(call, usedParts(view, home, { used }), partJson)),
  }),
  defineOperation({
    ...subnet,
    op: 'unreserved_ip_ranges',
    parameters: nothing,
    answers: ['freeRange'],
    doc: 'List the free ranges of the subnet.',
    run: (call) =>
      withUses(call, (home, view, used) =>
        listed(call, freeParts(home.network, usedParts(view, home, { used })), rangeJson),
      ),
  }),
  defineOperation({
    ...subnet,
    op: 'statistics',
    answers: 'subnetStatistics',
    doc: 'Count the used and the free addresses of the subnet.',
    parameters: z.object({
      include_ranges: flagField.optional().describe('True for the used ranges.'),
      include_suggestions: flagField.optional().describe('True for a router and a dynamic range that would fit.'),
    }),
    run: statistics,
  }),
];
