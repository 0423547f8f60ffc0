// Ranges of addresses: dynamic ones, which racks give to unknown machines, and reserved ones, which
// nobody gets.
//
// Sources: MAAS API 2.0, `ipranges/`. `static`, the range from which machines get their own
// addresses (1.0), is a type of ours.
//
// 1. The dynamic and the static range are those of a rack's cluster interface: a change is checked
//    with its whole configuration, and takes effect there at once. Where the rack's
//    file has them, the refusal names file and key. A dynamic range in a subnet without a cluster
//    interface is kept until `dhcp_on` of its VLAN makes one (`vlan-service.ts`).
// 2. Ranges of one subnet are inside it and disjoint, except that a reserved range may be inside
//    the static one. A dynamic range holds neither the router nor an address of a rack, a user or a
//    machine.
// 3. Users reserve ranges, and change and delete their own. Only administrators change the others.
// 4. What users without administrator's rights reserve cannot keep machines from their addresses:
//    nothing of theirs is in a static range, and each user reserves at most RESERVED_PER_USER_MAX
//    addresses.
// 5. A new dynamic range that a rack has already *is* that one, and it replaces the one that
//    `rackboot init` proposed, while nobody has an address of it: the scripts that people have for
//    MAAS begin with a range of their own.
// 6. Lists leave out the static ranges: MAAS 2 has no such type, and python-libmaas ends with an
//    error at one. There, what is in no range is static. They are listed by `type=static`, and
//    read, changed and deleted as the others.

import { z } from 'zod';
import { formatIpv4, type Ipv4Range, networkContains, rangeContains, rangesOverlap } from '../../../ground/address.ts';
import { indexOwners, type Owner, ownersUsing, serviceName } from '../../networks/address-owners.ts';
import { refuseHolding, spanText } from '../../networks/address-use.ts';
import {
  isWaiting,
  type NetworkView,
  type RangeType,
  type RangeView,
  type SubnetView,
  subnetOfAddress,
} from '../../networks/network-view.ts';
import type { NetworkDraft, WantedChange } from '../../networks/networks.ts';
import { refuseRange } from '../../networks/range-check.ts';
import { replaceProposed } from '../../networks/range-proposal.ts';
import type { ServedNetwork } from '../../networks/served-networks.ts';
import { serviceRange } from '../../networks/service-form.ts';
import { isHeldRange, type StoredRange } from '../../records/network-store.ts';
import { REQUIRED } from '../../records/refusal.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import {
  type ApiCall,
  getCallerUsername,
  ipv4Field,
  nothing,
  type Operation,
  resource,
  value,
} from '../call/operation.ts';
import { rangeJson } from '../json/subnet-json.ts';
import { userJson } from '../people/user-operations.ts';
import {
  absent,
  findSubnet,
  isAdmin,
  makeChange,
  networkIdIn,
  networkObjects,
  noSubnetText,
  noteField,
  readNetworks,
  refuseSubnet,
  serviceRow,
  subnetOutsideText,
  textField,
} from './network-calls.ts';
import { runningLeases } from './running-leases.ts';
import { isMade, refuseServed, withoutMade } from './vlan-service.ts';

const rangeTypes = z.enum(['dynamic', 'reserved', 'static'], 'Give dynamic, reserved or static.');
const changedRange = z.object({
  start_ip: ipv4Field.optional().describe('The first address.'),
  end_ip: ipv4Field.optional().describe('The last address.'),
  comment: noteField.optional().describe('A note for people.'),
});
const amendedRange = changedRange.extend({
  type: textField.optional().describe('The type that it has: a range keeps its type.'),
  subnet: textField.optional().describe('The subnet that it has, by id or network: a range stays in its subnet.'),
});
const newRange = changedRange.required({ start_ip: true, end_ip: true }).extend({
  type: value(rangeTypes).describe(
    'dynamic, for unknown machines; reserved, for nobody; static, for machines of the region.',
  ),
  subnet: textField.optional().describe('The id or network of its subnet. Default: the one that has its addresses.'),
});
type Given = z.output<typeof amendedRange>;
type NewRange = z.output<typeof newRange>;

/** The name of a range in events. */
const rangeName = ({ low, high }: Ipv4Range): string => `${formatIpv4(low)}-${formatIpv4(high)}`;

const rangeWithId = (view: NetworkView, id: number): RangeView | undefined =>
  view.ranges.find(({ range }) => range.id === id);
const filter = z.object({
  type: value(rangeTypes).optional().describe('Ranges of this type. Default: dynamic and reserved ones.'),
});

const ipRanges = networkObjects<RangeView>({
  all: ({ ranges }) => ranges,
  idOf: ({ range }) => range.id,
  find: (view, { id }) => rangeWithId(view, networkIdIn(id)),
  notFound: ({ id }) => absent('reserved range', id),
  async render(call) {
    const users = await call.region.store.accounts.listUsers();
    return (_view, ipRange) => {
      const { range } = ipRange;
      const user = range.kind === 'reserved' ? users.find(({ username }) => username === range.username) : undefined;
      return rangeJson(ipRange, user === undefined ? null : userJson(call, user));
    };
  },
  fields: {
    ip_range_low: 'start_ip',
    ip_range_high: 'end_ip',
    static_ip_range_low: 'start_ip',
    static_ip_range_high: 'end_ip',
  },
});

const listRanges = (call: ApiCall, { type: wanted }: z.output<typeof filter>): Promise<Answer> =>
  ipRanges.listWhere(call, ({ type }) => (wanted === undefined ? type !== 'static' : type === wanted));

function readBounds(given: Given, before: Ipv4Range | undefined): Ipv4Range | Refusal {
  const checked = combineOrRefuse(
    given.start_ip ?? before?.low ?? refuseField('start_ip', REQUIRED),
    given.end_ip ?? before?.high ?? refuseField('end_ip', REQUIRED),
  );
  if (isRefusal(checked)) return checked;
  const [low, high] = checked;
  return low > high ? refuseField('end_ip', 'The last address comes before the first one.') : { low, high };
}

/**
 * Why bounds do not fit into a subnet; `undefined`: they do. What the range has of others already
 * does not count.
 * @param changed the range that gets them, and others that move
 * @param served the cluster interface that gets them
 */
function findMisfit(
  view: NetworkDraft,
  { subnet, network }: SubnetView,
  type: RangeType,
  bounds: Ipv4Range,
  changed: readonly RangeView[] = [],
  served: ServedNetwork | undefined = changed[0]?.served,
): Refusal | undefined {
  for (const [field, address] of [
    ['start_ip', bounds.low],
    ['end_ip', bounds.high],
  ] as const)
    if (!networkContains(network, address)) return refuseField(field, subnetOutsideText(subnet.cidr));
  const claim = {
    kind: type === 'reserved' ? 'reserved-range' : type,
    ids: changed.map(({ range }) => range.id),
    service: served && serviceName(served),
  } as const;
  const using = ownersUsing(view).filter((owner) => rangesOverlap(owner, bounds));
  const had = changed.filter((other) => other.type === type);
  const isNew = (owner: Owner): boolean => !had.some((range) => rangesOverlap(range, owner));
  const text = refuseRange([...indexOwners(view).within(bounds), ...using].filter(isNew), claim);
  return text === undefined ? undefined : refuseField('start_ip', text);
}

function findHome(view: NetworkView, text: string | undefined, bounds: Ipv4Range): SubnetView | Refusal {
  if (text !== undefined && text !== '')
    return findSubnet(view, text) ?? refuseField('subnet', noSubnetText(text.slice(0, 64)));
  const home = subnetOfAddress(view, bounds.low);
  return home ?? refuseField('subnet', noSubnetText(formatIpv4(bounds.low)));
}

/**
 * The refusal of addresses that the caller, who is not an administrator, may not reserve.
 * @param except the id of the range that the new one replaces
 */
export function refuseReserving(
  call: ApiCall,
  view: NetworkDraft,
  subnet: SubnetView,
  wanted: Ipv4Range,
  field: string,
  except?: number,
): Refusal | undefined {
  if (isAdmin(call)) return undefined;
  const word = refuseHolding(view, subnet, wanted, getCallerUsername(call), view.held, except);
  return word && refuseFields({ [field]: [word] });
}

const spanAround = (a: Ipv4Range, b: Ipv4Range): Ipv4Range => ({
  low: a.low < b.low ? a.low : b.low,
  high: a.high > b.high ? a.high : b.high,
});
const isSame = (a: Ipv4Range, b: Ipv4Range): boolean => a.low === b.low && a.high === b.high;

/**
 * The change of the range that `init` proposed into another one; `undefined`: a person chose it, or
 * a machine has an address of it.
 */
function replacement(
  view: NetworkDraft,
  own: RangeView | undefined,
  bounds: Ipv4Range,
  comment: string,
): WantedChange | Refusal | undefined {
  const { served } = own ?? {};
  if (own === undefined || served?.address === undefined || isHeldRange(own.range)) return undefined;
  if (view.used.some(({ address }) => rangeContains(own, address))) return undefined;
  const isInside = ({ router }: (typeof view.rackHosts)[number]): boolean =>
    router !== undefined && networkContains(served.network, router);
  const gateway = view.rackHosts.find(isInside)?.router;
  const place = { name: served.name, address: served.address, network: served.network, gateway };
  const proposed = replaceProposed(place, served.router, served, bounds);
  if (proposed === undefined) return undefined;
  const { fixed } = proposed;
  const isMoved = ({ type, served: by }: RangeView): boolean => type === 'static' && by === served;
  const moved = fixed === undefined ? [] : view.ranges.filter(isMoved);
  const misfit = findMisfit(view, own.subnet, 'dynamic', bounds, [own, ...moved]);
  if (misfit !== undefined) return misfit;
  const service = serviceRow(view, served);
  if (isRefusal(service)) return service;
  const ranges = [{ ...own.range, ...bounds, comment }, ...moved.map(({ range }) => ({ ...range, ...fixed }))];
  return makeChange('changed', 'dynamic range', rangeName(bounds), own.range.id, { put: { ranges } });
}

/** @param former the dynamic range of the subnet, of which nobody leases an address */
function rangeAddition(
  call: ApiCall,
  view: NetworkDraft,
  { type, subnet: text, comment = '' }: NewRange,
  bounds: Ipv4Range,
  former?: number,
): WantedChange | Refusal {
  const id = view.nextId;
  const subnet = findHome(view, text, bounds);
  if ('kind' in subnet) return subnet;
  const replaced = former === undefined ? undefined : replacement(view, rangeWithId(view, former), bounds, comment);
  if (replaced !== undefined) return replaced;
  const free = subnet.served.find((served) => (type === 'dynamic' ? served.dynamic : served.fixed) === undefined);
  const misfit =
    findMisfit(view, subnet, type, bounds, [], free) ??
    (type === 'reserved' ? refuseReserving(call, view, subnet, bounds, 'start_ip') : undefined);
  if (misfit !== undefined) return misfit;
  const { cidr: network, id: subnetId } = subnet.subnet;
  const username = getCallerUsername(call);
  const added = (range: StoredRange): WantedChange =>
    makeChange('added', `${type} range`, rangeName(bounds), id, { put: { ranges: [range] } });
  if (type === 'reserved') return added({ kind: type, id, subnetId, ...bounds, username, comment });
  const waiting = view.ranges.find((range) => isWaiting(range) && range.range.subnetId === subnetId);
  if (type === 'dynamic' && waiting !== undefined)
    return refuseField('start_ip', `${network} has its dynamic range ${spanText(waiting)}: change that one.`);
  const [first] = subnet.served;
  if (first === undefined && type === 'dynamic')
    return added({ kind: type, id, subnetId, ...bounds, username, comment });
  if (first === undefined)
    return refuseField(
      'subnet',
      `No rack serves ${network}: add a cluster interface first (nodegroups/UUID/interfaces, or cluster_interfaces of the rack's file).`,
    );
  if (free === undefined)
    return refuseField('start_ip', `The rack ${first.rackName} has its ${type} range in ${network}: change that one.`);
  const service = serviceRow(view, free);
  if (isRefusal(service)) return service;
  return added(serviceRange(service, type, bounds, { id, username: '', comment }));
}

const DYNAMIC = 'Only an administrator may create or change a dynamic or static range.';

async function addRange(call: ApiCall, given: NewRange): Promise<Answer> {
  const checked = combineOrRefuse(
    readBounds(given, undefined),
    refuseSubnet(await readNetworks(call), 'subnet', given.subnet),
  );
  if (isRefusal(checked)) return checked;
  const [bounds] = checked;
  const { type, comment } = given;
  if (type !== 'reserved' && !isAdmin(call)) return refuse('not-allowed', DYNAMIC);
  if (type !== 'dynamic') return await ipRanges.store(call, (view) => rangeAddition(call, view, given, bounds));
  const view = await readNetworks(call);
  const subnet = findHome(view, given.subnet, bounds);
  const own = view.ranges.find((range) => range.type === type && !isRefusal(subnet) && range.subnet === subnet);
  if (own !== undefined && isSame(own, bounds)) {
    const ofOwn = { ...call, path: { ...call.path, id: String(own.range.id) } };
    return !comment || comment === own.range.comment
      ? await ipRanges.read(ofOwn)
      : await amendRange(ofOwn, { comment });
  }
  const isLeased =
    own !== undefined && (await runningLeases(call.region)).some((lease) => rangeContains(own, lease.address));
  const former = isLeased ? undefined : own?.range.id;
  const among = own === undefined ? bounds : spanAround(own, bounds);
  return await ipRanges.store(call, (draft) => rangeAddition(call, draft, given, bounds, former), among);
}

function refuseForeign(call: ApiCall, { range }: RangeView): Refusal | undefined {
  if (isAdmin(call)) return undefined;
  if (range.kind !== 'reserved') return refuse('not-allowed', DYNAMIC);
  return range.username === getCallerUsername(call)
    ? undefined
    : refuse('not-allowed', 'The range belongs to another user: an administrator may change it.');
}

const refuseType = ({ type }: Given, { type: kind }: RangeView): Refusal | undefined =>
  (type ?? kind) === kind
    ? undefined
    : refuseField('type', `Give ${kind}: a range keeps its type. Delete it, and create another.`);

function refuseMove(view: NetworkView, { subnet: text = '' }: Given, { subnet: own }: RangeView): Refusal | undefined {
  const isOwn = text === '' || findSubnet(view, text)?.subnet.id === own.subnet.id;
  if (isOwn) return undefined;
  return (
    refuseSubnet(view, 'subnet', text) ??
    refuseField('subnet', `Give ${own.subnet.cidr}: a range stays in its subnet. Delete it, and create another.`)
  );
}

function amendment(call: ApiCall, view: NetworkDraft, found: RangeView, given: Given): WantedChange | Refusal {
  const all = combineOrRefuse(readBounds(given, found), refuseType(given, found), refuseMove(view, given, found));
  if (isRefusal(all)) return all;
  const [bounds] = all;
  const { range, type, served } = found;
  const refused =
    refuseForeign(call, found) ??
    findMisfit(view, found.subnet, type, bounds, [found]) ??
    (range.kind === 'reserved' && (bounds.low < found.low || bounds.high > found.high)
      ? refuseReserving(call, view, found.subnet, bounds, 'start_ip', range.id)
      : undefined);
  if (refused !== undefined) return refused;
  const comment = given.comment ?? range.comment;
  const { low, high } = bounds;
  const hasMoved = low !== found.low || high !== found.high;
  const service = served !== undefined && hasMoved ? serviceRow(view, served) : undefined;
  if (isRefusal(service)) return service;
  const changed = 'low' in range && hasMoved ? { ...range, low, high, comment } : { ...range, comment };
  return makeChange('changed', `${type} range`, rangeName(bounds), range.id, { put: { ranges: [changed] } });
}

async function amendRange(call: ApiCall, given: Given): Promise<Answer> {
  const before = rangeWithId(await readNetworks(call), networkIdIn(call.path.id));
  const bounds = before !== undefined && isWaiting(before) ? readBounds(given, before) : undefined;
  const among = bounds === undefined || isRefusal(bounds) ? undefined : bounds;
  return await ipRanges.changeOne(call, (range, view) => amendment(call, view, range, given), among);
}

const removeRange = (call: ApiCall): Promise<Answer> =>
  ipRanges.changeOne(call, (ipRange, view) => {
    const { range, type, served } = ipRange;
    const refused = refuseForeign(call, ipRange) ?? refuseServed(call, ipRange);
    if (refused !== undefined) return refused;
    const service = served && serviceRow(view, served);
    if (isRefusal(service)) return service;
    const made = service !== undefined && isMade(ipRange) ? withoutMade(view, ipRange, service) : {};
    return makeChange('removed', `${type} range`, rangeName(ipRange), range.id, {
      remove: { ranges: [range.id] },
      ...made,
    });
  });

const base = { versions: ['2.0'], ownTransaction: true } as const;
const ranges = { ...base, path: 'ipranges', handler: 'IPRangesHandler' } as const;
const range = { ...base, path: 'ipranges/{id}', handler: 'IPRangeHandler' } as const;

export const IPRANGE_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: ranges,
    one: range,
    answers: 'ipRange',
    changedBy: 'user',
    list: ['List the ranges of all subnets.', filter, listRanges],
    add: [
      'Create a range. Every user may create a reserved one; administrators may also create a dynamic or static one.',
      newRange,
      addRange,
    ],
    read: ['Read a range.', nothing, ipRanges.read],
    change: [
      'Change a range. Users may change their own, administrators every one. A rack uses its changed range at once.',
      amendedRange,
      amendRange,
    ],
    remove: ['Delete a range. Users may delete their own, administrators every one.', nothing, removeRange],
  }),
];
