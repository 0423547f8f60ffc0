// Chooses the origin at which a machine reaches the region: the beginning of the URLs in its
// preseeds, jobs and metadata. Sources: RFC 9110 §7.2 (the client chooses Host), §4.2.1.
//
//   Host ─┬─ an address where the request arrived, or one of an accepted rack,
//         │  a listener, or the name of region.public_url ─────────────────────▶ used, with its port
//         └─ anything else, which a cache, a page or a machine made up ──────────▶ the address where the request arrived
//
// 1. A request that a rack passed on arrived at that rack, at the address that it reports
//    (`X-Rackboot-Local`), believed as the machine's address is. The rack's boot port speaks plain
//    HTTP, even if rack and region use TLS.

import type { FastifyRequest } from 'fastify';
import { formatIpv4, type Ipv4, parseIpv4, withoutIpv4Mapping } from '../../ground/address.ts';
import type { RegionConfig } from '../config.ts';
import { isRackAddress, type RackList } from '../racks/rack-addresses.ts';

/** The parts of a request that show where it arrived. */
export interface OriginFacts {
  readonly host: string | undefined;
  readonly protocol: string;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** Where it arrived at the rack that passed it on, `10.20.0.1:5248`; `undefined` if no rack did. */
  readonly rackLocal: string | undefined;
}

export function readOriginFacts(
  request: FastifyRequest,
  { rackLocal }: { readonly rackLocal?: string | undefined },
): OriginFacts {
  const { localAddress, localPort } = request.raw.socket;
  return { host: request.headers.host, protocol: request.protocol, localAddress, localPort, rackLocal };
}

const HOST = /^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** The name or address in a Host field, in lower case; `undefined` if it is malformed. */
const parseHostField = (field: string | undefined) => HOST.exec(field ?? '')?.[1]?.toLowerCase();

/**
 * The address at which the request arrived, in the form of a Host field; empty if the socket is
 * gone.
 */
function formatArrivalHost({ rackLocal, localAddress, localPort }: OriginFacts) {
  if (rackLocal !== undefined) return rackLocal;
  if (localAddress === undefined || localPort === undefined) return '';
  const address = withoutIpv4Mapping(localAddress);
  return address.includes(':') ? `[${address}]:${localPort}` : `${address}:${localPort}`;
}

/** The origin at which the client reaches the region, `http://10.20.0.1:5248`; empty if it is unknown. */
export function chooseOrigin(facts: OriginFacts, config: RegionConfig, racks: RackList): string {
  const arrival = formatArrivalHost(facts);
  const host = parseHostField(facts.host);
  const isUsable = host !== undefined && isOurs(host, parseHostField(arrival), config, racks);
  const authority = isUsable ? facts.host : arrival;
  const protocol = facts.rackLocal === undefined ? facts.protocol : 'http';
  return authority === undefined || authority === '' ? '' : `${protocol}://${authority}`;
}

function isOurs(host: string, arrival: string | undefined, config: RegionConfig, racks: RackList) {
  if (host === arrival) return true;
  // Only a program on this host gets there by this name: the client, or one that speaks for it and
  // is itself reached by another name.
  if (host === 'localhost') return arrival === '127.0.0.1' || arrival === '[::1]';
  if (host === URL.parse(config.publicUrl ?? '')?.hostname) return true;
  const listeners = [...config.listen, ...(config.tls?.listen ?? [])];
  if (listeners.some((listener) => bracketed(listener.host) === host && !isWildcard(host))) return true;
  const address: Ipv4 | undefined = parseIpv4(host);
  return address !== undefined && formatIpv4(address) === host && isRackAddress(racks, address);
}

const bracketed = (host: string) => (host.includes(':') ? `[${host.toLowerCase()}]` : host.toLowerCase());
const isWildcard = (host: string) => host === '0.0.0.0' || host === '[::]';
