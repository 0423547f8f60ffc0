// A machine's network for systemd-networkd. Pure.
//
// Sources: systemd.network(5), systemd.netdev(5).
//
// 1. Parts of a bond take its hardware address, so they are found by their permanent one.
// 2. A made interface has the hardware address of a part. Its file comes before those of the parts,
//    because the first that matches counts. Seen: without udev, networkd takes a bridge for an
//    interface of the type ether.

import { formatIpv4, formatMac } from '../../ground/address.ts';
import { type ConfigFile, type ConfigPart, renamingFiles } from './network-config.ts';

const DIRECTORY = '/etc/systemd/network';

/** The files of networkd, the first to match: those of the image come later. */
export const networkdFiles = (parts: readonly ConfigPart[]): readonly ConfigFile[] => [
  ...renamingFiles(parts),
  ...parts.flatMap((part) => [...deviceFile(part), networkFile(part)]),
];

const section = (name: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `[${name}]\n${lines.join('\n')}\n`;

function deviceFile({ kind, key, mac, mtu, params, vid }: ConfigPart): readonly ConfigFile[] {
  if (kind === 'physical') return [];
  const device = [
    `Name=${key}`,
    `Kind=${kind}`,
    ...(kind === 'vlan' ? [] : [`MACAddress=${formatMac(mac)}`]),
    ...(mtu === undefined ? [] : [`MTUBytes=${mtu}`]),
  ];
  const own =
    kind === 'vlan'
      ? section('VLAN', [`Id=${vid}`])
      : kind === 'bond'
        ? renderBondSection(params)
        : renderBridgeSection(params);
  return [{ path: `${DIRECTORY}/10-rackboot-${key}.netdev`, text: [section('NetDev', device), own].join('\n') }];
}

function renderBondSection(params: ConfigPart['params']): string {
  const mode = params.bond_mode ?? 'active-backup';
  const hasPolicy = mode === '802.3ad' || mode === 'balance-xor' || mode === 'balance-tlb';
  return section('Bond', [
    `Mode=${mode}`,
    ...(params.bond_miimon === undefined ? [] : [`MIIMonitorSec=${params.bond_miimon}ms`]),
    ...(params.bond_updelay === undefined ? [] : [`UpDelaySec=${params.bond_updelay}ms`]),
    ...(params.bond_downdelay === undefined ? [] : [`DownDelaySec=${params.bond_downdelay}ms`]),
    ...(mode === '802.3ad' && params.bond_lacp_rate !== undefined ? [`LACPTransmitRate=${params.bond_lacp_rate}`] : []),
    ...(hasPolicy && params.bond_xmit_hash_policy !== undefined
      ? [`TransmitHashPolicy=${params.bond_xmit_hash_policy}`]
      : []),
    ...(params.bond_num_grat_arp === undefined ? [] : [`GratuitousARP=${params.bond_num_grat_arp}`]),
  ]);
}

const renderBridgeSection = (params: ConfigPart['params']): string =>
  section('Bridge', [
    `STP=${params.bridge_stp === true ? 'yes' : 'no'}`,
    ...(params.bridge_fd === undefined ? [] : [`ForwardDelaySec=${params.bridge_fd}`]),
  ]);

/**
 * The sections of static routes. Those of a leased interface are on-link, because networkd may add
 * them before the lease brings the address by which the kernel finds their gateways.
 */
const routeSections = ({ routes, hasDhcp }: ConfigPart): readonly string[] =>
  routes.map(({ to, via, metric }) =>
    section('Route', [
      `Destination=${to}`,
      `Gateway=${via}`,
      ...(metric === undefined ? [] : [`Metric=${metric}`]),
      ...(hasDhcp ? ['GatewayOnLink=yes'] : []),
    ]),
  );

function networkFile(part: ConfigPart): ConfigFile {
  const { kind, key, mac, mtu, master, vlans, addresses, hasDhcp, takesRoute, router, nameServers, search } = part;
  const isBare = addresses.length === 0 && !hasDhcp && master === undefined;
  const isPhysical = kind === 'physical';
  const match = isPhysical
    ? [master?.kind === 'bond' ? `PermanentMACAddress=${formatMac(mac)}` : `MACAddress=${formatMac(mac)}`, 'Type=ether']
    : [`Name=${key}`];
  const link = [
    ...(isPhysical && mtu !== undefined ? [`MTUBytes=${mtu}`] : []),
    ...(part.isUnused ? ['Unmanaged=yes'] : isBare ? ['RequiredForOnline=no'] : []),
  ];
  const network = [
    ...(hasDhcp ? ['DHCP=ipv4'] : []),
    ...addresses.map((address) => `Address=${address}`),
    ...(part.params.accept_ra === undefined ? [] : [`IPv6AcceptRA=${part.params.accept_ra === true ? 'yes' : 'no'}`]),
    ...(router === undefined ? [] : [`Gateway=${formatIpv4(router)}`]),
    ...(addresses.length === 0 ? [] : nameServers.map((server) => `DNS=${server}`)),
    ...(addresses.length === 0 || search === '' ? [] : [`Domains=${search}`]),
    ...(master === undefined ? [] : [`${master.kind === 'bond' ? 'Bond' : 'Bridge'}=${master.key}`]),
    ...vlans.map((vlan) => `VLAN=${vlan}`),
  ];
  const dhcp = hasDhcp && !takesRoute ? ['UseRoutes=no'] : [];
  const sections = [
    section('Match', match),
    section('Link', link),
    section('Network', network),
    section('DHCPv4', dhcp),
    ...routeSections(part),
  ];
  return {
    path: `${DIRECTORY}/10-rackboot-${isPhysical ? 1 : 0}-${key}.network`,
    text: sections.filter((section) => section !== '').join('\n'),
  };
}
