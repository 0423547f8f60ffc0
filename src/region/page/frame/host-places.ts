// The networks in which racks can offer DHCP, and the links to the form that enables it there.

import { formatNetwork, type Ipv4Network, networkWithPrefix, parseIpv4 } from '../../../ground/address.ts';
import { type Html, html } from '../../../ground/html.ts';
import type { Rack } from '../../records/rack.ts';
import { words } from './words.ts';

/** A network in which a rack can offer DHCP: on an interface of its host, or through relay agents. */
export interface DhcpPlace {
  readonly rack: string;
  readonly rackName: string;
  readonly interface: string;
  /** Empty: behind relay agents. */
  readonly ip: string;
  /** `undefined`: behind relay agents, and not named yet. */
  readonly network: Ipv4Network | undefined;
  /** The interface leads to the host's default router. */
  readonly isOutward: boolean;
}

export function hostPlaces({ uuid, name, pulse }: Rack): readonly DhcpPlace[] {
  return (pulse?.addresses ?? []).flatMap((entry): readonly DhcpPlace[] => {
    const [ip = '', prefix] = entry.address.split('/');
    const address = parseIpv4(ip);
    if (address === undefined || prefix === '32') return [];
    const network = networkWithPrefix(address, Number(prefix));
    return [
      { rack: uuid, rackName: name, interface: entry.interface, ip, network, isOutward: entry.isOutward === true },
    ];
  });
}

/** The address of the form for a place. @param path of the page that has it */
export function placePath(path: string, place: DhcpPlace): string {
  const query = new URLSearchParams({ rack: place.rack });
  if (place.interface !== '') query.set('interface', place.interface);
  if (place.ip !== '') query.set('address', `${place.ip}/${place.network?.prefix}`);
  else query.set('network', place.network === undefined ? '' : formatNetwork(place.network));
  return `${path}?${query.toString()}`;
}

/** An entry of a list of places. @param path of the page that has the form */
export function placeLink(path: string, place: DhcpPlace): Html {
  const { ip, network, rackName, isOutward } = place;
  const outward = isOutward ? ` · ${words.interfaces.outward.short}` : '';
  const [name, about] =
    ip === ''
      ? [words.interfaces.relayed, rackName]
      : [`${ip}/${network?.prefix}`, `${rackName} · ${place.interface}${outward}`];
  return html`
  <div class="list-item"><div><div class="name">${name}</div><div class="small">${about}</div></div>
  <a class="button plain small-button" href="${placePath(path, place)}">${words.networks.enable}</a></div>`;
}
