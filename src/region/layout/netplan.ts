// A machine's network for netplan. Pure.
//
// Source: the netplan reference. networkd uses the first entry that matches, so the keys of
// physical interfaces sort before the image's own entries for all interfaces.

import { formatIpv4, formatMac } from '../../ground/address.ts';
import type { ConfigFile, ConfigPart, ConfigRoute } from './network-config.ts';

const SECTIONS = { physical: 'ethernets', bond: 'bonds', bridge: 'bridges', vlan: 'vlans' } as const;

/** The parameter of netplan for each parameter of MAAS. */
const BOND: Readonly<Record<string, string>> = {
  bond_mode: 'mode',
  bond_miimon: 'mii-monitor-interval',
  bond_downdelay: 'down-delay',
  bond_updelay: 'up-delay',
  bond_lacp_rate: 'lacp-rate',
  bond_xmit_hash_policy: 'transmit-hash-policy',
  bond_num_grat_arp: 'gratuitous-arp',
};
const BRIDGE: Readonly<Record<string, string>> = { bridge_stp: 'stp', bridge_fd: 'forward-delay' };

const quoteYamlText = (text: string): string => `"${text}"`;

/** The file of netplan. */
export function netplanFiles(parts: readonly ConfigPart[]): readonly ConfigFile[] {
  const sections = Object.entries(SECTIONS).flatMap(([kind, section]) => {
    const entries = parts.filter((part) => part.kind === kind).map(renderDeviceEntry);
    return entries.length === 0 ? [] : [`  ${section}:\n${entries.join('')}`];
  });
  return [{ path: '/etc/netplan/90-rackboot.yaml', text: `network:\n  version: 2\n${sections.join('')}` }];
}

function renderDeviceEntry(part: ConfigPart): string {
  const lines = [...renderDeviceIdentity(part), ...renderAddresses(part)];
  return `    ${quoteYamlText(part.key)}:\n${lines.map((line) => `      ${line}\n`).join('')}`;
}

function renderDeviceIdentity({ kind, mac, newName, parents, vid, params, mtu }: ConfigPart): readonly string[] {
  const address = quoteYamlText(formatMac(mac));
  const size = mtu === undefined ? [] : [`mtu: ${mtu}`];
  const interfaces = `interfaces: [${parents.map(quoteYamlText).join(', ')}]`;
  switch (kind) {
    case 'physical':
      return [`match: { macaddress: ${address} }`, ...(newName === undefined ? [] : [`set-name: ${newName}`]), ...size];
    case 'bond':
      return [interfaces, `macaddress: ${address}`, `parameters: { ${settings(params, BOND)} }`, ...size];
    case 'bridge':
      return [interfaces, `macaddress: ${address}`, `parameters: { ${settings(params, BRIDGE)} }`, ...size];
    case 'vlan':
      return [`id: ${vid}`, `link: ${quoteYamlText(parents[0] ?? '')}`, ...size];
  }
}

/**
 * The settings of a bond or bridge: only 802.3ad has an LACP rate, and only some modes have a hash
 * policy.
 */
function settings(params: ConfigPart['params'], names: Readonly<Record<string, string>>): string {
  const mode = params.bond_mode;
  const isMeant = (name: string): boolean =>
    name === 'bond_lacp_rate'
      ? mode === '802.3ad'
      : name !== 'bond_xmit_hash_policy' || mode === '802.3ad' || mode === 'balance-xor' || mode === 'balance-tlb';
  return Object.entries(names)
    .filter(([name]) => params[name] !== undefined && isMeant(name))
    .map(([name, key]) => {
      const setting = params[name];
      return `${key}: ${typeof setting === 'string' ? quoteYamlText(setting) : setting}`;
    })
    .join(', ');
}

/**
 * Quirk: older versions of netplan write larger ones as negative numbers for networkd, and each
 * takes 4294967295 as none.
 */
const METRIC_MAX = 0x7fff_ffff;

/**
 * The line of routes; none without one. networkd adds the routes before a lease brings the address
 * by which the kernel finds their gateways, so they are on-link there.
 */
function renderRoutes({ router, routes, hasDhcp }: ConfigPart): readonly string[] {
  const onLink = hasDhcp ? ', on-link: true' : '';
  const sized = (metric: ConfigRoute['metric']): string =>
    metric === undefined ? '' : `, metric: ${Math.min(metric, METRIC_MAX)}`;
  const all = [
    ...(router === undefined ? [] : [`{ to: default, via: ${formatIpv4(router)} }`]),
    ...routes.map(({ to, via, metric }) => `{ to: ${to}, via: ${via}${sized(metric)}${onLink} }`),
  ];
  return all.length === 0 ? [] : [`routes: [${all.join(', ')}]`];
}

function renderAddresses(part: ConfigPart): readonly string[] {
  const { addresses, hasDhcp, takesRoute, nameServers, search, master, params } = part;
  const isBare = addresses.length === 0 && !hasDhcp && master === undefined;
  const servers =
    nameServers.length === 0 && search === '' ? [] : [`nameservers: ${renderNameServers(nameServers, search)}`];
  return [
    ...(hasDhcp ? ['dhcp4: true'] : []),
    ...(hasDhcp && !takesRoute ? ['dhcp4-overrides: { use-routes: false }'] : []),
    ...(addresses.length === 0 ? [] : [`addresses: [${addresses.join(', ')}]`]),
    ...(params.accept_ra === undefined ? [] : [`accept-ra: ${params.accept_ra === true}`]),
    ...renderRoutes(part),
    ...(addresses.length === 0 ? [] : servers),
    // The start of the system does not wait for an interface that gets no address.
    ...(isBare ? ['optional: true'] : []),
  ];
}

const renderNameServers = (nameServers: readonly string[], search: string): string =>
  `{ addresses: [${nameServers.join(', ')}], search: [${search}] }`;
