// Decides which of a rack's reported networks are believed. Pure.
//
//   reported ─┬─ agreed to when it was accepted ──────────────────────────────► believed
//             ├─ overlaps one of another accepted rack or of the region's own ► disputed: shown with the command to type, not believed
//             ├─ wider than /16 ──────────────────────────────────────────────► disputed
//             ├─ exceeds UNASKED_ADDRESSES_MAX ───────────────────────────────► disputed
//             └─ otherwise ───────────────────────────────────────────────────► believed, because racks get new networks all the time
//
// 1. Networks of the region's own rack, and those that a person agreed to for another rack, take precedence over merely reported ones.
// 2. Of two racks that report the same new network, the first has it until it stops reporting it.
// 3. A shared or wide network is agreed to only by naming that network.

import { formatNetwork, type Ipv4Network, networkContains, networksOverlap, parseNetwork } from '../../net/address.ts';
import type { Happening, NetworkDoubt } from '../records/event-params.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { Rack } from '../records/rack.ts';
import type { RackInterface } from '../records/rack-description.ts';

const parsed = (texts: readonly string[]): readonly Ipv4Network[] =>
  texts.map(parseNetwork).filter((network) => network !== undefined);

const reported = ({ interfaces }: Pick<Rack, 'interfaces'>): readonly Ipv4Network[] =>
  parsed(interfaces.map(({ network }) => network));

const contains = (outer: Ipv4Network, inner: Ipv4Network): boolean =>
  outer.prefix <= inner.prefix && networkContains(outer, inner.address);

/** A rack's interfaces whose networks are believed; all decisions by network use these. */
export function believedInterfaces(rack: Rack): readonly RackInterface[] {
  const { disputed } = rack;
  return disputed.length === 0 ? rack.interfaces : rack.interfaces.filter(({ network }) => !disputed.includes(network));
}

/** A rack's believed networks. */
export const believedNetworks = (rack: Rack): readonly Ipv4Network[] =>
  reported({ interfaces: believedInterfaces(rack) });

/** A rack's believed networks, and those agreed to that it does not report at present; no other rack may take them meanwhile. */
export const ownNetworks = (rack: Rack): readonly Ipv4Network[] => [...believedNetworks(rack), ...parsed(rack.agreed)];

/** A person must agree to networks with a shorter prefix: no rack serves more than 65 536 machines, but a stolen key can claim anything. */
const UNASKED_PREFIX = 16;

/**
 * Addresses in the networks that one rack has without a person's agreement, as many as four /16: once at its acceptance, and once more
 * later. A hostile rack can fill it by reporting networks; a rack that really gets one of these must then be accepted with it. Networks
 * beyond the bound are not believed. It empties as the rack reports others or is removed.
 */
export const UNASKED_ADDRESSES_MAX = 4 * 65_536;

/** Why a network needs agreement; `undefined` if it does not. @param had whether it was believed until now */
function doubtOf(network: Ipv4Network, rack: Rack, had: boolean, racks: readonly Rack[]): NetworkDoubt | undefined {
  for (const other of racks) {
    if (other.uuid === rack.uuid || other.state !== 'accepted') continue;
    const agreed = other.isEmbedded ? reported(other) : parsed(other.agreed);
    const theirs = had ? agreed : [...agreed, ...believedNetworks(other)];
    const rival = theirs.find((one) => networksOverlap(one, network));
    if (rival !== undefined) {
      return { network: formatNetwork(network), kind: 'overlap', other: formatNetwork(rival), owner: other.name };
    }
  }
  if (network.prefix >= UNASKED_PREFIX) return undefined;
  return { network: formatNetwork(network), kind: 'wide', prefix: UNASKED_PREFIX };
}

/**
 * The doubtful networks of a list. Networks that the rack has come first, so that new ones take no addresses from them. @param rack with
 * its former networks
 */
function doubtsAmong(networks: readonly Ipv4Network[], rack: Rack, racks: readonly Rack[]): readonly NetworkDoubt[] {
  const agreed = parsed(rack.agreed);
  const believed = believedNetworks(rack);
  const asked = networks
    .filter((network) => !agreed.some((one) => contains(one, network)))
    .map((network) => ({ network, had: believed.some((one) => contains(one, network)) }));
  const unasked: Ipv4Network[] = [];
  let addresses = 0;
  const ordered = [...asked.filter(({ had }) => had), ...asked.filter(({ had }) => !had)];
  return ordered.flatMap(({ network, had }): readonly NetworkDoubt[] | NetworkDoubt => {
    if (unasked.some((one) => contains(one, network))) return [];
    const doubt = doubtOf(network, rack, had, racks);
    if (doubt !== undefined) return doubt;
    const more = 2 ** (32 - network.prefix);
    if (addresses + more > UNASKED_ADDRESSES_MAX) {
      return { network: formatNetwork(network), kind: 'many', addressesMax: UNASKED_ADDRESSES_MAX };
    }
    unasked.push(network);
    addresses += more;
    return [];
  });
}

/** A rack's reported networks that are another rack's, wide or too many, and not agreed to. */
function doubtsOf(rack: Rack, racks: readonly Rack[]): readonly NetworkDoubt[] {
  if (rack.isEmbedded) return [];
  // Nothing from an unaccepted rack was believed before.
  const judged = rack.state === 'accepted' ? rack : { ...rack, agreed: [], interfaces: [] };
  return doubtsAmong(reported(rack), judged, racks);
}

/** Decides on the new networks of an accepted rack. @param before the rack before its report */
export function weighNetworks(next: Rack, before: Rack | undefined, racks: readonly Rack[]): Rack {
  if (next.isEmbedded || next.state !== 'accepted') return next;
  const judged = before?.state === 'accepted' ? before : { ...next, interfaces: [] };
  const known = { ...judged, agreed: next.agreed };
  const disputed = doubtsAmong(reported(next), known, racks).map(({ network }) => network);
  return { ...next, disputed };
}

/**
 * Accepts a rack with its undoubted reported networks and those that a person named. Networks agreed to before stay while it reports them.
 */
export function agreeTo(rack: Rack, shared: readonly string[], racks: readonly Rack[]): Rack {
  const taken = new Set(doubtsOf(rack, racks).map(({ network }) => network));
  const agreed = new Set(reportedTexts(rack).filter((network) => shared.includes(network) || !taken.has(network)));
  return weighNetworks({ ...rack, state: 'accepted', agreed: [...agreed] }, undefined, racks);
}

/** A rack's reported networks, as text. */
export const reportedTexts = (rack: Rack): readonly string[] => reported(rack).map(formatNetwork);

/** The doubt about a rack's disputed networks; `undefined` if all are believed. */
export function findDoubt(rack: Rack, racks: readonly Rack[]): Happening<'networks-doubted'> | undefined {
  const [first, ...more] = doubtsOf(rack, racks);
  if (first === undefined) return undefined;
  return { code: 'networks-doubted', params: { rack: rack.name, first, more: more.length } };
}

/** The event about an accepted rack's disputed networks; `undefined` if all are believed. */
export function doubtEvent(
  rack: Rack,
  racks: readonly Rack[],
  atMs: number,
  username = '',
): NewMachineEvent | undefined {
  const doubt = findDoubt(rack, racks);
  return doubt === undefined ? undefined : { type: 'RACK_CHANGED', level: 'warning', ...doubt, atMs, username };
}
