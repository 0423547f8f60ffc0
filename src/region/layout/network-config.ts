// Writes the network of a machine in the format of the tool that configures it on the deployed system. Pure.
//
//   interfaces (interfaces.ts) ─► parts: what each must say ─► netplan | networkd | ifupdown ─► files
//
// Sources: the netplan reference, systemd.network(5), systemd.netdev(5), systemd.link(5),
// interfaces(5) for its patterns of hardware addresses.
//
// 1. The files match physical interfaces by their hardware addresses: the deployed system may give
//    them other names than the environment did. They rename an interface only if a person gave it
//    another name.
// 2. A file has only checked names, addresses, numbers and words of closed lists, never free text
//    of a machine or a person.
// 3. One link has the default route: the one that a person chose, else the first with a router. A
//    DHCP link takes the default route of its lease only if no person chose one. A fixed address
//    that comes by DHCP takes it only if its link has the default route.
// 4. DHCP brings one address of an interface. Its further addresses are always in the file.
// 5. An interface without an address has an entry, so that a pattern of the image for all
//    interfaces does not start DHCP there.
// 6. An interface with an address has the static routes of its subnet, even if it ignores the
//    routes of its lease. A machine with an address in the destination reaches that directly: it
//    has no route to it.
// 7. An MTU of 1500 is in the files only if a person chose it for the interface or for one below: a
//    lease may bring another.
// 8. A disconnected interface of which another one is made is set up for that: it has no address,
//    but its frames are needed.

import { formatIpv4, formatMac, formatNetwork, type Ipv4, type MacAddress } from '../../ground/address.ts';
import { listNameServers, type RouteView, type SubnetView } from '../networks/network-view.ts';
import { MTU_DEFAULT } from '../records/network-store.ts';
import type { NetInterface, NetLink } from './interfaces.ts';

export const NETWORK_TOOLS = ['netplan', 'networkd', 'ifupdown'] as const;
export type NetworkTool = (typeof NETWORK_TOOLS)[number];

export interface ConfigFile {
  /** Below `/etc`. */
  readonly path: string;
  readonly text: string;
}

export interface ConfigRoute {
  /** `10.99.0.0/16`. */
  readonly to: string;
  readonly via: string;
  /** `undefined`: the kernel's own, 0. */
  readonly metric: number | undefined;
}

export interface ConfigPart {
  readonly kind: NetInterface['kind'];
  /**
   * Its name in the files: of a made interface its name, of a physical one a word that sorts before
   * the image's own.
   */
  readonly key: string;
  /** The name that a person gave a physical interface; `undefined`: the system names it. */
  readonly newName: string | undefined;
  /** A name that a physical interface can be given where another needs to name it. */
  readonly ownName: string;
  readonly mac: MacAddress;
  /** `undefined`: the system's own. */
  readonly mtu: number | undefined;
  readonly addresses: readonly string[];
  readonly hasDhcp: boolean;
  /** True if DHCP may set the default route, and the routes of the lease with it. */
  readonly takesRoute: boolean;
  readonly router: Ipv4 | undefined;
  /** The lowest metric first. */
  readonly routes: readonly ConfigRoute[];
  readonly nameServers: readonly string[];
  readonly search: string;
  readonly parents: readonly string[];
  /** The key of the bond or bridge of which it is a part. */
  readonly master: { readonly key: string; readonly kind: 'bond' | 'bridge' } | undefined;
  readonly vlans: readonly string[];
  /** 0: untagged. */
  readonly vid: number;
  /** True for a VLAN interface to which a person gave another name than `parent.vid`. */
  readonly isNamed: boolean;
  readonly params: NetInterface['params'];
  /** True if nothing uses it: it has neither a network nor an interface that is made of it. */
  readonly isUnused: boolean;
}

interface NetworkConfigOptions {
  readonly gatewayLink: number | undefined;
  readonly domain: string;
  /**
   * True: addresses of subnets with DHCP come by it, as the rack reserves them, so that their
   * leases show that the system is up.
   */
  readonly isByLease: boolean;
}

const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,14}$/;
/**
 * Names that the kernel gives in the order in which it finds the interfaces: another one may have
 * it when udev renames (systemd.link(5)).
 */
export const KERNEL_NAME = /^eth\d+$/;

const hasDhcpServer = (subnet: SubnetView | undefined): boolean =>
  subnet?.served.some(({ management }) => management > 0) === true;

interface FixedAddress {
  readonly subnet: SubnetView | undefined;
  readonly address: Ipv4;
}

/**
 * The address that a rack leases to an interface with these: the lowest (`findFixedAddress` in
 * `dhcp/leases/allocate.ts`). `undefined`: a rack has no DHCP there, or they are in several
 * subnets, so that it may lease one of each.
 */
function findLeasedAddress(fixed: readonly FixedAddress[]): Ipv4 | undefined {
  const [first, ...others] = fixed.toSorted((a, b) => a.address - b.address);
  if (first === undefined || !hasDhcpServer(first.subnet)) return undefined;
  return others.every(({ subnet }) => subnet?.subnet.id === first.subnet?.subnet.id) ? first.address : undefined;
}

export function configParts(interfaces: readonly NetInterface[], options: NetworkConfigOptions): readonly ConfigPart[] {
  const keys = new Map(
    interfaces.map((netInterface, index) => [
      netInterface.id,
      netInterface.kind === 'physical' ? `00-rackboot${index}` : netInterface.name,
    ]),
  );
  const keyOf = (id: number): string => keys.get(id) ?? '';
  const routed = interfaces
    .flatMap(({ links }) => links)
    .filter(({ mode, subnet, address }) => address !== undefined && mode !== 'dhcp' && subnet?.gateway !== undefined);
  const chosen = routed.find(({ id }) => id === options.gatewayLink);
  const byDhcp = interfaces.some(({ links }) => links.some(({ mode }) => mode === 'dhcp'));
  const gateway = chosen ?? (byDhcp ? undefined : routed[0]);
  const chosenSizes = withChosenSize(interfaces);
  return interfaces.map((netInterface): ConfigPart => {
    const { links, nic } = netInterface;
    const fixed = links.flatMap(({ mode, subnet, address }): readonly FixedAddress[] =>
      mode === 'dhcp' || address === undefined ? [] : [{ subnet, address }],
    );
    const leased = options.isByLease ? findLeasedAddress(fixed) : undefined;
    const isLeased = leased !== undefined;
    const master = interfaces.find(
      ({ kind, parents }) => (kind === 'bond' || kind === 'bridge') && parents.includes(netInterface.id),
    );
    const vlans = interfaces
      .filter(({ kind, parents }) => kind === 'vlan' && parents.includes(netInterface.id))
      .map(({ name }) => name);
    const vid = netInterface.kind === 'vlan' ? (netInterface.vlan?.vlan.vid ?? 0) : 0;
    const parent = interfaces.find(({ id }) => id === netInterface.parents[0]);
    const isRenamed =
      netInterface.kind === 'physical' &&
      nic !== undefined &&
      netInterface.name !== nic.name &&
      NAME.test(netInterface.name);
    return {
      kind: netInterface.kind,
      key: keyOf(netInterface.id),
      mac: netInterface.mac,
      params: netInterface.params,
      newName: isRenamed && nic.name !== '' ? netInterface.name : undefined,
      ownName:
        NAME.test(netInterface.name) && !KERNEL_NAME.test(netInterface.name)
          ? netInterface.name
          : keyOf(netInterface.id).replace('00-', ''),
      mtu: netInterface.mtu === MTU_DEFAULT && !chosenSizes.has(netInterface.id) ? undefined : netInterface.mtu,
      addresses: fixed
        .filter(({ address }) => address !== leased)
        .map(({ address, subnet }) => `${formatIpv4(address)}/${subnet?.network.prefix ?? 32}`),
      hasDhcp: isLeased || links.some(({ mode }) => mode === 'dhcp'),
      takesRoute: gateway === undefined || (isLeased && links.includes(gateway)),
      router: !isLeased && gateway !== undefined && links.includes(gateway) ? gateway.subnet?.gateway : undefined,
      routes: listStaticRoutes(netInterface, interfaces),
      nameServers: [...new Set(fixed.flatMap(({ subnet }) => (subnet === undefined ? [] : listNameServers(subnet))))],
      search: fixed.length === 0 ? '' : options.domain,
      parents: netInterface.parents.map(keyOf),
      master: master === undefined ? undefined : { key: master.name, kind: master.kind === 'bond' ? 'bond' : 'bridge' },
      vlans,
      vid,
      isNamed: netInterface.kind === 'vlan' && netInterface.name !== `${parent?.name}.${vid}`,
      isUnused: netInterface.vlan === undefined && master === undefined && vlans.length === 0,
    };
  });
}

/** The ids of the interfaces whose size a person chose, or that of one below, which limits theirs. */
function withChosenSize(interfaces: readonly NetInterface[]): ReadonlySet<number> {
  const byId = new Map(interfaces.map((netInterface) => [netInterface.id, netInterface]));
  const isChosen = ({ settings, parents }: NetInterface): boolean =>
    settings?.mtu !== undefined ||
    parents.some((id) => {
      const parent = byId.get(id);
      return parent !== undefined && isChosen(parent);
    });
  return new Set(interfaces.filter(isChosen).map(({ id }) => id));
}

const isAddressed = ({ mode, address }: NetLink): boolean => mode === 'dhcp' || address !== undefined;

/** The static routes of an interface (invariant 6). @param interfaces all of the machine */
function listStaticRoutes({ links }: NetInterface, interfaces: readonly NetInterface[]): readonly ConfigRoute[] {
  const near = new Set(
    interfaces.flatMap((netInterface) => netInterface.links.filter(isAddressed).map(({ subnetId }) => subnetId)),
  );
  const sources = new Set(links.filter(isAddressed).flatMap(({ subnet }) => subnet ?? []));
  const routes = [...sources].flatMap((source): readonly RouteView[] => source.routes);
  return routes
    .filter(({ destinationId }) => !near.has(destinationId))
    .toSorted((a, b) => a.metric - b.metric)
    .map(({ destination, gateway, metric }) => ({
      to: formatNetwork(destination),
      via: formatIpv4(gateway),
      metric: metric === 0 ? undefined : metric,
    }));
}

const LINK_FILE = '/etc/systemd/network/10-rackboot';

/**
 * Files of systemd that give physical interfaces the names that a person chose; udev reads them
 * whatever the network's tool is.
 */
export const renamingFiles = (parts: readonly ConfigPart[]): readonly ConfigFile[] =>
  parts.flatMap(({ key, newName, mac }) =>
    newName === undefined
      ? []
      : [
          {
            path: `${LINK_FILE}-${key}.link`,
            text: `[Match]\nMACAddress=${formatMac(mac)}\n\n[Link]\nName=${newName}\n`,
          },
        ],
  );
