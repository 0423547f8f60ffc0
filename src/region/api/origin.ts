// Under which address a machine reaches us: what the URLs begin with that it is given in preseeds, jobs and metadata.
// Sources: RFC 9110 §7.2 (Host is the client's word), §4.2.1.
//
//   Host ─┬─ an address where the request arrived, or one of an accepted rack,
//         │  a listener, or the name of region.public_url ─────────────────────▶ taken, with its port
//         └─ anything else: a cache, a page or a machine names somebody else ──▶ the address where the request arrived
//
// 1. A request that a rack passed on arrived at that rack: the rack says where (`X-Rackboot-Local`), and is believed as it is about the
//    machine's address. Its boot port speaks plain HTTP, whatever rack and region speak.

import type { FastifyRequest } from 'fastify';
import { formatIpv4, type Ipv4, parseIpv4, withoutIpv4Mapping } from '../../net/address.ts';
import type { RegionConfig } from '../config.ts';
import { isRackAddress, type RackList } from '../racks/rack-addresses.ts';

/** What of a request tells where it arrived. */
export interface OriginFacts {
  /** The Host field, as the client wrote it. */
  readonly host: string | undefined;
  readonly protocol: string;
  /** Where the request came in: here, by the socket. */
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** Where it came in at the rack that passed it on, `10.20.0.1:5248`; undefined: nobody did. */
  readonly rackLocal: string | undefined;
  /** From this host itself. */
  readonly isLocal: boolean;
}

/** The same of a request as it came. */
export function originFactsOf(
  request: FastifyRequest,
  peer: { readonly rackLocal?: string | undefined; readonly isLocal: boolean },
): OriginFacts {
  const { localAddress, localPort } = request.raw.socket;
  const { rackLocal, isLocal } = peer;
  return { host: request.headers.host, protocol: request.protocol, localAddress, localPort, rackLocal, isLocal };
}

const HOST = /^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** The name or address of a Host field, in small letters; undefined: it is none. */
const hostOf = (field: string | undefined): string | undefined => HOST.exec(field ?? '')?.[1]?.toLowerCase();

/** Where the request arrived, as a Host field would say it; empty: the socket is gone. */
function arrivalOf({ rackLocal, localAddress, localPort }: OriginFacts): string {
  if (rackLocal !== undefined) return rackLocal;
  if (localAddress === undefined || localPort === undefined) return '';
  const address = withoutIpv4Mapping(localAddress);
  return address.includes(':') ? `[${address}]:${localPort}` : `${address}:${localPort}`;
}

/** `http://10.20.0.1:5248`, as the machine that asks reaches us; empty: nothing is known of that. */
export function chooseOrigin(facts: OriginFacts, config: RegionConfig, racks: RackList): string {
  const arrival = arrivalOf(facts);
  const host = hostOf(facts.host);
  const isTaken = host !== undefined && isOurs(host, hostOf(arrival), facts, config, racks);
  const authority = isTaken ? facts.host : arrival;
  const protocol = facts.rackLocal === undefined ? facts.protocol : 'http';
  return authority === undefined || authority === '' ? '' : `${protocol}://${authority}`;
}

function isOurs(
  host: string,
  arrival: string | undefined,
  { isLocal }: OriginFacts,
  config: RegionConfig,
  racks: RackList,
): boolean {
  if (host === arrival) return true;
  // Nobody but this host itself reaches us there.
  if (host === 'localhost') return isLocal;
  if (host === URL.parse(config.publicUrl ?? '')?.hostname) return true;
  const listeners = [...config.listen, ...(config.tls?.listen ?? [])];
  if (listeners.some((listener) => bracketed(listener.host) === host && !isEverywhere(host))) return true;
  const address: Ipv4 | undefined = parseIpv4(host);
  return address !== undefined && formatIpv4(address) === host && isRackAddress(racks, address);
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host.toLowerCase()}]` : host.toLowerCase());
const isEverywhere = (host: string): boolean => host === '0.0.0.0' || host === '[::]';
