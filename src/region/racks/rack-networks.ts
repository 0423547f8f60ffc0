// Which networks a rack is believed to have. Pure.
//
//   reported ─┬─ agreed to when it was accepted ───────────────────────────► believed
//             ├─ overlaps one of another accepted rack, or of the region's ► disputed: shown with what to type, believed by nobody
//             ├─ is wider than /16 ────────────────────────────────────────► disputed, as well
//             ├─ is one more than UNASKED_ADDRESSES_MAX leaves room for ───► disputed, as well
//             └─ any other ────────────────────────────────────────────────► believed: racks get new networks every day
//
// 1. The networks of the region's own rack, and what a person agreed to for another rack, come before what a rack merely reports.
// 2. Of two racks that report the same new network the first has it, until it reports it no more.
// 3. That two racks share a network, or that one has a wide network, is agreed to by naming that network, and by nothing else.

import { formatNetwork, type Ipv4Network, networkContains, networksOverlap, parseNetwork } from '../../net/address.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { Rack } from '../records/rack.ts';
import type { RackInterface } from '../records/rack-description.ts';

const parsed = (texts: readonly string[]): readonly Ipv4Network[] =>
  texts.map(parseNetwork).filter((network) => network !== undefined);

const reported = ({ interfaces }: Pick<Rack, 'interfaces'>): readonly Ipv4Network[] =>
  parsed(interfaces.map(({ network }) => network));

const contains = (outer: Ipv4Network, inner: Ipv4Network): boolean =>
  outer.prefix <= inner.prefix && networkContains(outer, inner.address);

/** The interfaces of a rack whose networks are believed: whatever is decided by networks is decided by these. */
export function believedInterfaces(rack: Rack): readonly RackInterface[] {
  const { disputed } = rack;
  return disputed.length === 0 ? rack.interfaces : rack.interfaces.filter(({ network }) => !disputed.includes(network));
}

/** The networks that a rack reports and is believed. */
export const believedNetworks = (rack: Rack): readonly Ipv4Network[] =>
  reported({ interfaces: believedInterfaces(rack) });

/** These, and those that it was accepted with and does not report now: nobody else may take them meanwhile. */
export const ownNetworks = (rack: Rack): readonly Ipv4Network[] => [...believedNetworks(rack), ...parsed(rack.agreed)];

/** Prefixes shorter than this, in bits, are for a person to agree to: no rack serves more than 65 536 machines, but a key claims what it likes. */
export const UNASKED_PREFIX = 16;

/**
 * Addresses of the networks that one rack has without a person's word, as many as four /16: that many with which it is accepted, and that
 * many later. A hostile rack fills it by reporting networks: who gets one of them later has to be accepted with it. What is beyond is believed
 * by nobody. It empties as the rack reports others, or is removed.
 */
export const UNASKED_ADDRESSES_MAX = 4 * 65_536;

/** A network of a rack that nobody believes yet, and why. */
interface Doubt {
  readonly network: string;
  /** Goes on after the network's name. */
  readonly why: string;
  /** What a person agrees to by naming the network. */
  readonly agreement: string;
}

const TOO_MUCH = {
  why: `is more than the ${UNASKED_ADDRESSES_MAX} addresses that a rack has unasked`,
  agreement: 'it serves it, too',
};

/** Why a network that nobody has agreed to is not this rack's for the asking; undefined: it is. @param had it was believed until now */
function doubtOf(network: Ipv4Network, rack: Rack, had: boolean, racks: readonly Rack[]): Doubt | undefined {
  for (const other of racks) {
    if (other.uuid === rack.uuid || other.state !== 'accepted') continue;
    const agreed = other.isEmbedded ? reported(other) : parsed(other.agreed);
    const theirs = had ? agreed : [...agreed, ...believedNetworks(other)];
    const rival = theirs.find((one) => networksOverlap(one, network));
    if (rival !== undefined) {
      const why = `overlaps ${formatNetwork(rival)} of ${other.name}`;
      return { network: formatNetwork(network), why, agreement: 'both serve it' };
    }
  }
  if (network.prefix >= UNASKED_PREFIX) return undefined;
  return { network: formatNetwork(network), why: `is wider than /${UNASKED_PREFIX}`, agreement: 'it serves all of it' };
}

/** What is doubtful of networks that a rack reports. Those that it has come first, so that new ones take nothing from them. @param rack as it was believed */
function doubtsAmong(networks: readonly Ipv4Network[], rack: Rack, racks: readonly Rack[]): readonly Doubt[] {
  const agreed = parsed(rack.agreed);
  const believed = believedNetworks(rack);
  const asked = networks
    .filter((network) => !agreed.some((one) => contains(one, network)))
    .map((network) => ({ network, had: believed.some((one) => contains(one, network)) }));
  const unasked: Ipv4Network[] = [];
  let addresses = 0;
  return [...asked.filter(({ had }) => had), ...asked.filter(({ had }) => !had)].flatMap(({ network, had }) => {
    if (unasked.some((one) => contains(one, network))) return [];
    const doubt = doubtOf(network, rack, had, racks);
    if (doubt !== undefined) return doubt;
    const more = 2 ** (32 - network.prefix);
    if (addresses + more > UNASKED_ADDRESSES_MAX) return { network: formatNetwork(network), ...TOO_MUCH };
    unasked.push(network);
    addresses += more;
    return [];
  });
}

/** The networks that a rack reports and that belong to others, are wide or too many, as far as nobody has agreed to them. */
function doubtsOf(rack: Rack, racks: readonly Rack[]): readonly Doubt[] {
  if (rack.isEmbedded) return [];
  // Of a rack that is not accepted nothing was believed yet.
  const judged = rack.state === 'accepted' ? rack : { ...rack, agreed: [], interfaces: [] };
  return doubtsAmong(reported(rack), judged, racks);
}

/** An accepted rack with what it reports now: what was not believed before is weighed. @param before as it was */
export function weighNetworks(next: Rack, before: Rack | undefined, racks: readonly Rack[]): Rack {
  if (next.isEmbedded || next.state !== 'accepted') return next;
  const judged = before?.state === 'accepted' ? before : { ...next, interfaces: [] };
  const known = { ...judged, agreed: next.agreed };
  const disputed = doubtsAmong(reported(next), known, racks).map(({ network }) => network);
  return { ...next, disputed };
}

/**
 * A rack, in the state that it was in, as it is accepted: with the networks that it reports and that are in no doubt, and those that a person named. What it was
 * accepted with before stays as long as it reports it.
 */
export function agreeTo(rack: Rack, shared: readonly string[], racks: readonly Rack[]): Rack {
  const taken = new Set(doubtsOf(rack, racks).map(({ network }) => network));
  const agreed = new Set(reportedTexts(rack).filter((network) => shared.includes(network) || !taken.has(network)));
  return weighNetworks({ ...rack, state: 'accepted', agreed: [...agreed] }, undefined, racks);
}

/** The networks that a rack reports, as text. */
export const reportedTexts = (rack: Rack): readonly string[] => reported(rack).map(formatNetwork);

/** What is not believed of a rack's networks and what to type if it is so, in words for people; undefined: all is. */
export function doubtText(rack: Rack, racks: readonly Rack[]): string | undefined {
  const doubts = doubtsOf(rack, racks);
  const [first] = doubts;
  if (first === undefined) return undefined;
  const more = doubts.length === 1 ? '' : ` (and ${doubts.length - 1} more such)`;
  return (
    `${first.network} ${first.why}${more}, so it is not believed; if ${first.agreement}: ` +
    `rackboot racks accept ${rack.name} --share ${first.network}`
  );
}

/** What people are told of an accepted rack whose networks are not all believed; undefined: they are. */
export function doubtEvent(
  rack: Rack,
  racks: readonly Rack[],
  atMs: number,
  username = '',
): NewMachineEvent | undefined {
  const why = doubtText(rack, racks);
  if (why === undefined) return undefined;
  const description = `rack ${rack.name} reports a network to which a person has to agree: ${why}`;
  return { type: 'RACK_CHANGED', level: 'warning', description, atMs, username };
}
