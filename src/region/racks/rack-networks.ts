// Decides which of a rack's reported networks the region believes. Pure.
//
//   reported ─┬─ agreed to when the rack was accepted ────────────────────────► believed
//             ├─ overlaps one of another accepted rack or of the region's own ► disputed: shown with the command to type, not believed
//             ├─ wider than /16 ──────────────────────────────────────────────► disputed
//             ├─ exceeds UNASKED_ADDRESSES_MAX ───────────────────────────────► disputed
//             └─ otherwise ───────────────────────────────────────────────────► believed, because racks get new networks all the time
//
// 1. Networks of the region's own rack, and networks that a person agreed to for another rack, take
//    precedence over merely reported ones.
// 2. If two racks report the same new network, the first has it until it stops reporting it.
// 3. A person agrees to a shared or wide network only by naming it.

import {
  formatIpv4,
  formatNetwork,
  type Ipv4Network,
  type Ipv4Range,
  networkContains,
  networksOverlap,
  parseIpv4,
  parseMac,
  parseNetwork,
} from '../../ground/address.ts';
import { INTERFACES_KEY, type Settings } from '../../machines/settings.ts';
import type { Happening, NetworkDoubt } from '../records/events.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { Rack } from '../records/rack.ts';
import { NO_MAC, type RackInterface } from '../records/rack-description.ts';
import { type ClusterInterface, type ConfiguredHost, parseClusterInterfaces, readHosts } from './cluster-interface.ts';

const parseNetworks = (texts: readonly string[]): readonly Ipv4Network[] =>
  texts.map(parseNetwork).filter((network) => network !== undefined);

/**
 * Keeps what a function makes of a rack: the racks are the same objects until they change, and each
 * is compared with all others.
 */
function keptByRack<T>(make: (rack: Rack) => T): (rack: Rack) => T {
  const memo = new WeakMap<Rack, { readonly made: T }>();
  return (rack) => {
    const entry = memo.get(rack) ?? { made: make(rack) };
    memo.set(rack, entry);
    return entry.made;
  };
}

const listReportedNetworks = ({ interfaces }: Pick<Rack, 'interfaces'>): readonly Ipv4Network[] =>
  parseNetworks(interfaces.map(({ network }) => network));

export const containsNetwork = (outer: Ipv4Network, inner: Ipv4Network): boolean =>
  outer.prefix <= inner.prefix && networkContains(outer, inner.address);

/** A rack's interfaces with believed networks; all decisions that depend on networks use these. */
function believedInterfaces(rack: Rack): readonly RackInterface[] {
  const { disputed } = rack;
  return disputed.length === 0 ? rack.interfaces : rack.interfaces.filter(({ network }) => !disputed.includes(network));
}

/**
 * True for a cluster interface that is switched off and not in the rack's file. If the region does
 * not store it either, it was removed, and the rack has not reported that yet. One that still
 * serves is shown until the rack has stopped.
 */
const isLeftOver = ({ pulse }: Rack, { name, management }: RackInterface): boolean =>
  pulse !== undefined && management === 0 && !pulse.pinned.includes(`${INTERFACES_KEY}.${name}`);

/** A cluster interface in the form of a configuration file. */
const asWritten = (fields: object): Settings =>
  Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== ''));

/**
 * The cluster interfaces that a rack reports beyond those that the region knows, both in the form
 * of a configuration file.
 */
export function reportedBeyond(rack: Rack, entries: readonly Settings[]): readonly Settings[] {
  const names = new Set(entries.map(({ name }) => name));
  return rack.interfaces
    .filter((rackInterface) => !names.has(rackInterface.name) && !isLeftOver(rack, rackInterface))
    .map(asWritten);
}

/** A network that a rack reports, and about which it is believed. */
export interface ReportedNetwork extends ClusterInterface {
  /** The rack's UUID. */
  readonly rack: string;
  readonly rackName: string;
  /** The same text for all networks of the rack that it shares with this one. */
  readonly sharedNetwork: string;
  readonly foreignServer: string | undefined;
  readonly hosts: readonly ConfiguredHost[];
}

/** The believed networks of accepted racks. */
export const reportedNetworks = (racks: readonly Rack[]): readonly ReportedNetwork[] =>
  racks.flatMap((rack) =>
    (rack.state === 'accepted' ? believedInterfaces(rack) : []).flatMap((rackInterface) =>
      readReport(rack, rackInterface),
    ),
  );

const NO_RESERVATIONS: NonNullable<RackInterface['reservations']> = [];

function readReport({ uuid, name: rackName }: Rack, rackInterface: RackInterface): readonly ReportedNetwork[] {
  const place =
    rackInterface.interface === '' ? `relayed ${rackInterface.network}` : `interface ${rackInterface.interface}`;
  const sharedNetwork = `${uuid} ${rackInterface.shared === undefined ? place : `shared ${rackInterface.shared}`}`;
  const network = parseNetwork(rackInterface.network);
  const hosts = readHosts(rackInterface.reservations ?? NO_RESERVATIONS, ({ mac, ip, hostname }) => {
    const address = parseIpv4(ip);
    const isInside = network !== undefined && address !== undefined && networkContains(network, address);
    return { mac: mac === NO_MAC ? undefined : parseMac(mac), address: isInside ? address : undefined, hostname };
  });
  return parseClusterInterfaces([asWritten(rackInterface)]).map((read) => ({
    ...read,
    rack: uuid,
    rackName,
    sharedNetwork,
    foreignServer: rackInterface.foreign_dhcp_ip,
    hosts,
  }));
}

export const believedNetworks = keptByRack((rack) => listReportedNetworks({ interfaces: believedInterfaces(rack) }));

const agreedNetworks = keptByRack(({ agreed }) => parseNetworks(agreed));

/**
 * A rack's believed networks, and agreed networks that it does not report at present; no other rack
 * may take these in the meantime.
 */
export const ownNetworks = (rack: Rack): readonly Ipv4Network[] => [...believedNetworks(rack), ...agreedNetworks(rack)];

/**
 * A person must agree to networks with a shorter prefix: no rack serves more than 65 536 machines,
 * but a stolen key can claim anything.
 */
const UNASKED_PREFIX = 16;

/**
 * Bound on the addresses in the networks that one rack has without a person's agreement, as many as
 * in four /16: once at its acceptance, and once more later. A hostile rack can take other racks'
 * networks by reporting them; a person must then name such a network to accept the rack that really
 * serves it. Networks beyond the bound are not believed. Places become free when the rack reports
 * other networks or is removed.
 */
export const UNASKED_ADDRESSES_MAX = 4 * 65_536;

/** Why a network needs agreement; `undefined` if it does not. @param had whether it was believed until now */
function explainDoubt(
  network: Ipv4Network,
  rack: Rack,
  had: boolean,
  racks: readonly Rack[],
): NetworkDoubt | undefined {
  for (const other of racks) {
    if (other.uuid === rack.uuid || other.state !== 'accepted') continue;
    const agreed = other.isEmbedded ? believedNetworks(other) : agreedNetworks(other);
    const isRival = (theirs: Ipv4Network): boolean => networksOverlap(theirs, network);
    const rival = agreed.find(isRival) ?? (had ? undefined : believedNetworks(other).find(isRival));
    if (rival !== undefined) {
      return { network: formatNetwork(network), kind: 'overlap', other: formatNetwork(rival), owner: other.name };
    }
  }
  if (network.prefix >= UNASKED_PREFIX) return undefined;
  return { network: formatNetwork(network), kind: 'wide', prefix: UNASKED_PREFIX };
}

/**
 * The doubtful networks of a list. Networks believed so far count first, so that new ones do not
 * use up the bound before them.
 * @param rack the rack with its former networks
 */
function doubtsAmong(networks: readonly Ipv4Network[], rack: Rack, racks: readonly Rack[]): readonly NetworkDoubt[] {
  const agreed = agreedNetworks(rack);
  const believed = believedNetworks(rack);
  const unagreed = networks
    .filter((network) => !agreed.some((other) => containsNetwork(other, network)))
    .map((network) => ({ network, had: believed.some((other) => containsNetwork(other, network)) }));
  const unasked: Ipv4Network[] = [];
  let addresses = 0;
  const ordered = [...unagreed.filter(({ had }) => had), ...unagreed.filter(({ had }) => !had)];
  return ordered.flatMap(({ network, had }): readonly NetworkDoubt[] | NetworkDoubt => {
    if (unasked.some((other) => containsNetwork(other, network))) return [];
    const doubt = explainDoubt(network, rack, had, racks);
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

export function findNetworkDoubt(network: Ipv4Network, rack: Rack, racks: readonly Rack[]): NetworkDoubt | undefined {
  if (rack.isEmbedded) return undefined;
  const text = formatNetwork(network);
  return doubtsAmong([...listReportedNetworks(rack), network], rack, racks).find((doubt) => doubt.network === text);
}

/**
 * The given networks of a rack's host that are not in doubt. They are judged as if the rack
 * reported to serve them, too.
 */
export function undoubtedAmong(
  networks: readonly Ipv4Network[],
  rack: Rack,
  racks: readonly Rack[],
): readonly Ipv4Network[] {
  if (networks.length === 0) return networks;
  const doubts = new Set(
    doubtsAmong([...listReportedNetworks(rack), ...networks], rack, racks).map(({ network }) => network),
  );
  return networks.filter((network) => !doubts.has(formatNetwork(network)));
}

/**
 * The doubts about a rack's reported networks: networks without agreement that belong to another
 * rack, are too wide, or are too many.
 */
function listNetworkDoubts(rack: Rack, racks: readonly Rack[]): readonly NetworkDoubt[] {
  if (rack.isEmbedded) return [];
  // An unaccepted rack has no believed networks so far.
  const judged = rack.state === 'accepted' ? rack : { ...rack, agreed: [], interfaces: [] };
  return doubtsAmong(listReportedNetworks(rack), judged, racks);
}

export function weighNetworks(next: Rack, before: Rack | undefined, racks: readonly Rack[]): Rack {
  if (next.isEmbedded || next.state !== 'accepted') return next;
  const judged = before?.state === 'accepted' ? before : { ...next, interfaces: [] };
  const updated = { ...judged, agreed: next.agreed };
  const disputed = doubtsAmong(listReportedNetworks(next), updated, racks).map(({ network }) => network);
  return { ...next, disputed };
}

/**
 * Accepts a rack with its reported networks that are not in doubt, and with the networks that a
 * person named. Networks that were agreed to before stay agreed while the rack reports them.
 */
export function agreeTo(rack: Rack, shared: readonly string[], racks: readonly Rack[]): Rack {
  const taken = new Set(listNetworkDoubts(rack, racks).map(({ network }) => network));
  const agreed = new Set(reportedTexts(rack).filter((network) => shared.includes(network) || !taken.has(network)));
  return weighNetworks({ ...rack, state: 'accepted', agreed: [...agreed] }, undefined, racks);
}

export const reportedTexts = (rack: Rack): readonly string[] => listReportedNetworks(rack).map(formatNetwork);

export function findDoubt(rack: Rack, racks: readonly Rack[]): Happening<'networks-doubted'> | undefined {
  const [first, ...more] = listNetworkDoubts(rack, racks);
  if (first === undefined) return undefined;
  return { code: 'networks-doubted', params: { rack: rack.name, first, more: more.length } };
}

export function doubtEvent(
  rack: Rack,
  racks: readonly Rack[],
  atMs: number,
  username = '',
): NewMachineEvent | undefined {
  const doubt = findDoubt(rack, racks);
  return doubt === undefined ? undefined : { type: 'RACK_CHANGED', level: 'warning', ...doubt, atMs, username };
}

/** The entries of `hosts` that accepted racks report for networks about which they are believed. */
export const configuredHosts = (racks: readonly Rack[]): readonly ConfiguredHost[] =>
  reportedNetworks(racks).flatMap(({ hosts }) => hosts);

/** The ranges from which an accepted rack leases addresses to any host, in its believed networks. */
export const listLeasedRanges = (rack: Rack): readonly Ipv4Range[] =>
  reportedNetworks([rack]).flatMap(({ management, dynamic }) => (management === 0 ? [] : (dynamic ?? [])));

interface SharedRange extends Ipv4Range {
  readonly rack: string;
}

export const rangeSharedText = ({ rack, low, high }: SharedRange): string =>
  `${rack} also hands out ${formatIpv4(low)} to ${formatIpv4(high)}: give these addresses to one of them`;

/** The dynamic addresses that an accepted rack shares with another; undefined: none. */
export function findSharedRange(rack: Rack, racks: readonly Rack[]): SharedRange | undefined {
  if (rack.state !== 'accepted') return undefined;
  for (const other of racks) {
    if (other.uuid === rack.uuid || other.state !== 'accepted') continue;
    for (const a of listLeasedRanges(rack)) {
      const b = listLeasedRanges(other).find(({ low, high }) => low <= a.high && a.low <= high);
      if (b === undefined) continue;
      return { rack: other.name, low: a.low > b.low ? a.low : b.low, high: a.high < b.high ? a.high : b.high };
    }
  }
  return undefined;
}
