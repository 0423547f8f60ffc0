// Ranges of addresses: dynamic ones, which racks give to unknown machines, and reserved ones, which nobody gets.
//
// Sources: MAAS API 2.0, `ipranges/`. `static`, the range from which machines get their own addresses (1.0), is a type of ours.
//
// 1. The dynamic and the static range are keys of a rack's cluster interface: a change changes them there, after the check of its whole
//    configuration, and takes effect at once. Where the rack's file has them, the refusal names file and key.
// 2. Ranges of one subnet are inside it and disjoint, except that a reserved range may be inside the static one. A dynamic range holds neither the router nor an address of a rack, a user or a machine.
// 3. Users reserve ranges, and change and delete their own. Only administrators change the others.

import { z } from 'zod';
import {
  formatIpv4,
  type Ipv4,
  type Ipv4Range,
  networkContains,
  rangeContains,
  rangesOverlap,
} from '../../net/address.ts';
import { type NetworkView, type RangeView, type SubnetView, subnetOfAddress } from '../networks/network-view.ts';
import type { ServedNetwork } from '../networks/served-networks.ts';
import { RESERVED_PER_USER_MAX, type StoredRange } from '../records/network-store.ts';
import type { User } from '../records/user.ts';
import { type Answer, json, type Refusal, refuse, refuseField } from './answer.ts';
import {
  absent,
  addressOf,
  change,
  findSubnet,
  isAdmin,
  isRefusal,
  listed,
  look,
  networkIdIn,
  spanOf,
  spanText,
  textField,
  wordsField,
} from './network-calls.ts';
import { type ApiCall, defineOperation, nothing, type Operation, usernameOf, value } from './operation.ts';
import { rangeJson } from './subnet-json.ts';
import { userJson } from './user-operations.ts';
import { editServed } from './vlan-service.ts';

const changedRange = z.object({
  start_ip: textField.optional().describe('The first address.'),
  end_ip: textField.optional().describe('The last address.'),
  comment: wordsField.optional().describe('For people.'),
});
const newRange = changedRange.required({ start_ip: true, end_ip: true }).extend({
  type: value(z.enum(['dynamic', 'reserved', 'static'], 'field.range-type')).describe(
    'dynamic, for unknown machines; reserved, for nobody; static, for machines of the region.',
  ),
  subnet: textField.optional().describe('The id or network of its subnet. Default: the one that has its addresses.'),
});
type Given = z.output<typeof changedRange>;

const noRange = ({ path }: ApiCall): Refusal => absent('reserved range', path.id);

const findRange = (view: NetworkView, { path }: ApiCall): RangeView | undefined =>
  view.ranges.find(({ range }) => range.id === networkIdIn(path.id));

/** The range with the account of its user. */
function shown(call: ApiCall, view: RangeView, users: readonly User[]): unknown {
  const { range } = view;
  const user = range.kind === 'reserved' ? users.find(({ username }) => username === range.username) : undefined;
  return rangeJson(call, view, user === undefined ? null : userJson(call, user));
}

async function show(call: ApiCall, id: number, what: StoredRange['kind']): Promise<Answer> {
  const view = await look(call);
  const found = view.ranges.find(({ range }) => range.id === id);
  return found === undefined
    ? absent(`${what} range`, String(id))
    : json(shown(call, found, await call.region.store.listUsers()));
}

async function list(call: ApiCall): Promise<Answer> {
  const [{ ranges }, users] = [await look(call), await call.region.store.listUsers()];
  return listed(call, ranges, (one) => shown(call, one, users));
}

async function read(call: ApiCall): Promise<Answer> {
  const found = findRange(await look(call), call);
  return found === undefined ? noRange(call) : json(shown(call, found, await call.region.store.listUsers()));
}

/** The bounds in the parameters, in the place of those before. */
function boundsOf(given: Given, before: Ipv4Range | undefined): Ipv4Range | Refusal {
  const low = given.start_ip === undefined ? before?.low : addressOf('start_ip', given.start_ip);
  if (low === undefined || isRefusal(low)) return low ?? refuseField('start_ip', 'field.required');
  const high = given.end_ip === undefined ? before?.high : addressOf('end_ip', given.end_ip);
  if (high === undefined || isRefusal(high)) return high ?? refuseField('end_ip', 'field.required');
  return low > high ? refuseField('end_ip', 'field.range-order') : { low, high };
}

/** Why bounds do not fit into a subnet; `undefined`: they do. @param own the range that has them */
function findMisfit(
  view: NetworkView,
  { subnet, network, served }: SubnetView,
  kind: StoredRange['kind'],
  bounds: Ipv4Range,
  own: RangeView | undefined,
): Refusal | undefined {
  for (const [field, address] of [
    ['start_ip', bounds.low],
    ['end_ip', bounds.high],
  ] as const)
    if (!networkContains(network, address)) return refuseField(field, 'field.subnet-outside', { network: subnet.cidr });
  const others = view.ranges.filter(({ range }) => range.subnetId === subnet.id && range.id !== own?.range.id);
  const mayShare = (other: StoredRange['kind']): boolean =>
    (kind === 'static' && other === 'reserved') || (kind === 'reserved' && other === 'static');
  const rival = others.find((other) => !mayShare(other.range.kind) && rangesOverlap(other, bounds));
  if (rival !== undefined)
    return refuseField('start_ip', 'field.range-overlap', { kind: rival.range.kind, ...spanOf(rival) });
  if (kind !== 'dynamic') return undefined;
  const isIn = (address: Ipv4 | undefined): address is Ipv4 => address !== undefined && rangeContains(bounds, address);
  for (const { router, address, rackName: rack } of served) {
    if (isIn(router)) return refuseField('start_ip', 'field.range-router', { address: formatIpv4(router) });
    if (isIn(address)) return refuseField('start_ip', 'field.range-rack', { address: formatIpv4(address), rack });
  }
  const reserved = view.records.reserved.find((one) => isIn(one.address))?.address;
  if (reserved === undefined) return undefined;
  return refuseField('start_ip', 'field.range-reserved', { address: formatIpv4(reserved) });
}

/** The refusal if a machine has an address in a range that a request makes dynamic. */
async function refuseAllocated(call: ApiCall, { low, high }: Ipv4Range): Promise<Refusal | undefined> {
  const [first] = await call.region.store.networks.usedBetween(low, high, 1);
  if (first?.kind !== 'allocated') return undefined;
  return refuseField('start_ip', 'field.range-machine', {
    machine: first.hostname,
    address: formatIpv4(first.address),
  });
}

function subnetOf(view: NetworkView, text: string | undefined, bounds: Ipv4Range): SubnetView | Refusal {
  if (text !== undefined && text !== '')
    return findSubnet(view, text) ?? refuseField('subnet', 'field.no-subnet', { name: text.slice(0, 64) });
  const found = subnetOfAddress(view, bounds.low);
  return found ?? refuseField('subnet', 'field.no-subnet', { name: formatIpv4(bounds.low) });
}

/** The keys of a cluster interface that have the bounds of a kind of range. */
const keysOf = (kind: 'dynamic' | 'static'): readonly [low: string, high: string] =>
  kind === 'dynamic' ? ['ip_range_low', 'ip_range_high'] : ['static_ip_range_low', 'static_ip_range_high'];

/** Gives a cluster interface the bounds of a range. @param bounds `undefined`: none */
function setBounds(
  call: ApiCall,
  served: ServedNetwork,
  kind: 'dynamic' | 'static',
  bounds: Ipv4Range | undefined,
): Promise<Refusal | undefined> {
  const [low, high] = keysOf(kind);
  const { low: first, high: last } = bounds === undefined ? {} : spanOf(bounds);
  return editServed(call, [{ served, fields: { [low]: first, [high]: last } }]);
}

/** Stores the comment of a served range, with the event of the change. */
const commentOn = (call: ApiCall, isThis: (range: StoredRange) => boolean, given: Given, isNew: boolean) =>
  change(call, (view) => {
    const found = view.ranges.find(({ range }) => isThis(range));
    if (found === undefined) return noRange(call);
    const { range } = found;
    const put = { ranges: [{ ...range, comment: given.comment ?? range.comment }] };
    const what = `${range.kind} range` as const;
    const name = spanText(found);
    return { kind: 'change', change: isNew ? 'added' : 'changed', what, name, id: range.id, put };
  });

async function addServed(
  call: ApiCall,
  given: z.output<typeof newRange>,
  kind: 'dynamic' | 'static',
  bounds: Ipv4Range,
): Promise<Answer> {
  if (!isAdmin(call)) return refuse('not-allowed.dynamic');
  const view = await look(call);
  const subnet = subnetOf(view, given.subnet, bounds);
  if ('kind' in subnet) return subnet;
  const misfit = findMisfit(view, subnet, kind, bounds, undefined);
  if (misfit !== undefined) return misfit;
  const { cidr, id: subnetId } = subnet.subnet;
  const [first] = subnet.served;
  if (first === undefined) return refuseField('subnet', 'field.not-served', { network: cidr });
  const free = subnet.served.find((one) => (kind === 'dynamic' ? one.dynamic : one.fixed) === undefined);
  if (free === undefined)
    return refuseField('start_ip', 'field.range-one', { network: cidr, rack: first.rackName, kind });
  const refused =
    (kind === 'dynamic' ? await refuseAllocated(call, bounds) : undefined) ??
    (await setBounds(call, free, kind, bounds));
  if (refused !== undefined) return refused;
  const isThis = (range: StoredRange): boolean =>
    range.kind === kind &&
    range.subnetId === subnetId &&
    range.rack === free.rack &&
    range.clusterInterface === free.name;
  const stored = await commentOn(call, isThis, given, true);
  if (stored.kind === 'refusal') return stored;
  const added = (await look(call)).ranges.find(({ range }) => isThis(range));
  return added === undefined ? noRange(call) : await show(call, added.range.id, kind);
}

const reservedBy = ({ records }: NetworkView, username: string): number =>
  records.reserved.filter((one) => one.username === username).length +
  records.ranges.filter((one) => one.kind === 'reserved' && one.username === username).length;

/** The refusal if the caller, who is no administrator, has reserved as much as a user may. */
export function refuseReserving(call: ApiCall, view: NetworkView, field: string): Refusal | undefined {
  if (isAdmin(call) || reservedBy(view, usernameOf(call)) < RESERVED_PER_USER_MAX) return undefined;
  return refuseField(field, 'field.reserved-per-user', { max: RESERVED_PER_USER_MAX });
}

async function addReserved(call: ApiCall, given: z.output<typeof newRange>, bounds: Ipv4Range): Promise<Answer> {
  let added = 0;
  const stored = await change(call, (view, id) => {
    const subnet = subnetOf(view, given.subnet, bounds);
    if ('kind' in subnet) return subnet;
    const refused = refuseReserving(call, view, 'start_ip') ?? findMisfit(view, subnet, 'reserved', bounds, undefined);
    if (refused !== undefined) return refused;
    added = id;
    const range: StoredRange = {
      ...{ kind: 'reserved', id, subnetId: subnet.subnet.id, ...bounds },
      ...{ username: usernameOf(call), comment: given.comment ?? '' },
    };
    const name = spanText(bounds);
    return {
      kind: 'change',
      change: 'added',
      what: 'reserved range',
      name,
      id,
      put: { ranges: [range] },
      nextId: id + 1,
    };
  });
  return stored.kind === 'refusal' ? stored : await show(call, added, 'reserved');
}

async function add(call: ApiCall, given: z.output<typeof newRange>): Promise<Answer> {
  const bounds = boundsOf(given, undefined);
  if ('kind' in bounds) return bounds;
  return given.type === 'reserved'
    ? await addReserved(call, given, bounds)
    : await addServed(call, given, given.type, bounds);
}

/** The refusal if the caller may not change a range. */
function refuseForeign(call: ApiCall, { range }: RangeView): Refusal | undefined {
  if (isAdmin(call)) return undefined;
  if (range.kind !== 'reserved') return refuse('not-allowed.dynamic');
  return range.username === usernameOf(call) ? undefined : refuse('not-allowed.range');
}

async function amend(call: ApiCall, given: Given): Promise<Answer> {
  const view = await look(call);
  const found = findRange(view, call);
  if (found === undefined) return noRange(call);
  const bounds = boundsOf(given, found);
  if ('kind' in bounds) return bounds;
  const { range, served } = found;
  const refused = refuseForeign(call, found) ?? findMisfit(view, found.subnet, range.kind, bounds, found);
  if (refused !== undefined) return refused;
  if (range.kind !== 'reserved') {
    const hasMoved = bounds.low !== found.low || bounds.high !== found.high;
    const failed =
      hasMoved && served !== undefined
        ? ((range.kind === 'dynamic' ? await refuseAllocated(call, bounds) : undefined) ??
          (await setBounds(call, served, range.kind, bounds)))
        : undefined;
    const stored = failed ?? (await commentOn(call, ({ id }) => id === range.id, given, false));
    return stored.kind === 'refusal' ? stored : await show(call, range.id, range.kind);
  }
  const stored = await change(call, (now) => {
    const own = findRange(now, call);
    if (own === undefined || own.range.kind !== 'reserved') return noRange(call);
    const misfit = findMisfit(now, own.subnet, 'reserved', bounds, own);
    if (misfit !== undefined) return misfit;
    const put = { ranges: [{ ...own.range, ...bounds, comment: given.comment ?? own.range.comment }] };
    return { kind: 'change', change: 'changed', what: 'reserved range', name: spanText(bounds), id: range.id, put };
  });
  return stored.kind === 'refusal' ? stored : await show(call, range.id, 'reserved');
}

async function remove(call: ApiCall): Promise<Answer> {
  const found = findRange(await look(call), call);
  if (found === undefined) return noRange(call);
  const refused = refuseForeign(call, found);
  if (refused !== undefined) return refused;
  const { range, served } = found;
  const { id } = range;
  const name = spanText(found);
  if (range.kind !== 'reserved' && served !== undefined) {
    const failed = await setBounds(call, served, range.kind, undefined);
    if (failed !== undefined) return failed;
  }
  return await change(call, (view) => {
    // The look before this has removed the row of a range that a rack had.
    if (range.kind === 'reserved' && !view.records.ranges.some((one) => one.id === id)) return noRange(call);
    return { kind: 'change', change: 'removed', what: `${range.kind} range`, name, id, remove: { ranges: [id] } };
  });
}

const base = { versions: ['2.0'], ownTransaction: true } as const;
const ranges = { ...base, path: 'ipranges', handler: 'IPRangesHandler' } as const;
const range = { ...base, path: 'ipranges/{id}', handler: 'IPRangeHandler' } as const;

/** Operations on ranges. */
export const IPRANGE_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ ...ranges, method: 'GET', access: 'user', parameters: nothing },
    doc: 'List the ranges of all subnets.',
    run: list,
  }),
  defineOperation({
    ...{ ...ranges, method: 'POST', access: 'user', parameters: newRange },
    doc: 'Create a range: every user a reserved one, administrators also a dynamic or static one of a rack.',
    run: add,
  }),
  defineOperation({
    ...{ ...range, method: 'GET', access: 'user', parameters: nothing },
    doc: 'Read a range.',
    run: read,
  }),
  defineOperation({
    ...{ ...range, method: 'PUT', access: 'user', parameters: changedRange },
    doc: 'Change a range: one’s own, or as an administrator every one. The rack of a dynamic one uses it at once.',
    run: amend,
  }),
  defineOperation({
    ...{ ...range, method: 'DELETE', access: 'user', parameters: nothing },
    doc: 'Delete a range: one’s own, or as an administrator every one.',
    run: remove,
  }),
];
