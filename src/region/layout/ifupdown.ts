// A machine's network for ifupdown. Pure.
//
// Source: interfaces(5), with its patterns of hardware addresses (ifupdown 0.8.20 and later);
// dhclient-script(8) of Debian for the metric.
//
// 1. ifupdown finds an interface by its hardware address only for an entry of its own. An interface
//    with VLANs on it gets a name from udev, from which the names of the VLANs are made: `lan0.100`
//    has the frames of `lan0` with the tag 100 (interfaces(5), VLAN and bridge interfaces). A VLAN
//    interface with another name is made by a command of its entry: `vlan-raw-device` needs the
//    package vlan, and takes the tag from the name. If ifupdown would take its name for another
//    VLAN, the network is refused.
// 2. Parts of bonds and bridges would need packages that an image may lack: such networks are refused.
// 3. An interface with neither an address nor a VLAN has no entry, so it is not started.

import { formatIpv4, formatMac } from '../../ground/address.ts';
import { type ConfigFile, type ConfigPart, KERNEL_NAME, renamingFiles } from './network-config.ts';

export function ifupdownFiles(parts: readonly ConfigPart[]): readonly ConfigFile[] | undefined {
  if (parts.some(({ kind }) => kind === 'bond' || kind === 'bridge')) return undefined;
  const named = parts.map((part) =>
    part.kind === 'physical' && part.vlans.length > 0 ? { ...part, newName: part.newName ?? part.ownName } : part,
  );
  if (named.some((part) => part.isNamed && isMistaken(part.key, named))) return undefined;
  const entries: string[] = [];
  for (const part of named) {
    const parent = named.find(({ key }) => key === part.parents[0])?.newName;
    const name = part.isNamed ? part.key : part.kind === 'vlan' ? `${parent}.${part.vid}` : part.newName;
    const making = part.isNamed ? commandsFor(parent, part.vid) : [];
    const isParent = part.vlans.length > 0;
    if (part.kind === 'vlan' || isParent) entries.push(renderStanza(part, `auto ${name}`, name ?? '', making));
    else if (part.addresses.length > 0 || part.hasDhcp) {
      // A name with a dash is a logical name, too, but easily misread.
      const logical = part.key.replace('00-', '');
      entries.push(renderStanza(part, `auto mac/${formatMac(part.mac)}=${logical}`, logical));
    }
  }
  const text = ['auto lo\niface lo inet loopback\n', ...entries].join('\n');
  return [...renamingFiles(named), { path: '/etc/network/interfaces', text }];
}

/**
 * True if ifupdown would make a VLAN interface with this name itself: on the interface that has the
 * name before the first dot.
 */
function isMistaken(name: string, parts: readonly ConfigPart[]): boolean {
  const [start = '', ...others] = name.split('.');
  const isName =
    KERNEL_NAME.test(start) || parts.some(({ newName, ownName }) => newName === start || ownName === start);
  return others.length > 0 && isName;
}

const commandsFor = (parent: string | undefined, vid: number): readonly string[] => [
  `  pre-up [ -e /sys/class/net/$IFACE ] || ip link add link ${parent} name $IFACE type vlan id ${vid}`,
  '  post-down ip link delete dev $IFACE',
];

/**
 * The kernel's switch for router advertisements: 2 also on a system that forwards
 * (Documentation/networking/ip-sysctl.rst).
 */
const ACCEPT_RA = '/proc/sys/net/ipv6/conf/$IFACE/accept_ra';

/**
 * Keeps the routes of a lease from being the default ones. ifupdown cannot tell a client to ignore
 * them. The client gives its route a worse metric (`IF_METRIC` of dhclient). But a default route
 * among the classless ones (RFC 3442) has none, so it is removed.
 */
const NO_DEFAULT_ROUTE = ['  metric 4096', '  up while ip -4 route del default dev $IFACE 2>/dev/null; do :; done'];

/**
 * The lines that add static routes. A lease may have brought the same ones, or come later: a
 * gateway is on-link then, because without an address the kernel does not find it.
 */
const routeLines = ({ routes, hasDhcp }: ConfigPart): readonly string[] =>
  routes.map(({ to, via, metric }) => {
    const sized = metric === undefined ? '' : ` metric ${metric}`;
    return `  up ip -4 route add ${to} via ${via} dev $IFACE${sized}${hasDhcp ? ' onlink' : ''} || :`;
  });

/**
 * @param start the line that starts the interface.
 * @param name the name of its entry, and of those of its further addresses
 * @param making the commands that make the interface
 */
function renderStanza(part: ConfigPart, start: string, name: string, making: readonly string[] = []): string {
  const { addresses, hasDhcp, takesRoute, router, nameServers, search, mtu, params } = part;
  const size = mtu === undefined ? [] : [`  mtu ${mtu}`];
  const advertisements =
    params.accept_ra === undefined
      ? []
      : [`  pre-up [ ! -e ${ACCEPT_RA} ] || echo ${params.accept_ra === true ? 2 : 0} >${ACCEPT_RA}`];
  const first = [...making, ...size, ...advertisements];
  const lines = [start];
  if (addresses.length === 0 && !hasDhcp) {
    lines.push(`iface ${name} inet manual`, ...first, '  up ip link set dev $IFACE up');
  }
  if (hasDhcp) {
    // The method dhcp has no option for the size, and the lease may bring another one.
    const sizing = mtu === undefined ? [] : [`  up ip link set dev $IFACE mtu ${mtu}`];
    const route = takesRoute ? [] : NO_DEFAULT_ROUTE;
    lines.push(`iface ${name} inet dhcp`, ...making, ...advertisements, ...sizing, ...route);
  }
  addresses.forEach((address, index) => {
    lines.push(`iface ${name} inet static`, `  address ${address}`);
    if (index > 0) return;
    lines.push(
      ...first,
      ...(router === undefined ? [] : [`  gateway ${formatIpv4(router)}`]),
      ...(nameServers.length === 0 ? [] : [`  dns-nameservers ${nameServers.join(' ')}`]),
      ...(search === '' ? [] : [`  dns-search ${search}`]),
    );
  });
  // The last entry, because the interface has all addresses by then, and the gateways are in their subnets.
  lines.push(...routeLines(part));
  return `${lines.join('\n')}\n`;
}
