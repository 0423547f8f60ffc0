// Finds a client's reservation in a network. Sources: RFC 2132 §9.14, RFC 4361 §6.1 (identifiers
// with a DUID), RFC 3046 §3.1 and §3.2 (circuit and remote id).
//
//   client identifier ─→ DUID ─→ hardware address ─→ circuit and remote id ─→ circuit id ─→ remote id
//
// 1. The first counts: identity before place, the more specific first. Each step is one look-up.
// 2. The configuration's reservations come before the region's; one of the region for the same
//    address or host is left out.
// 3. Several clients may match one reservation: a card and an identifier, or two hosts behind one
//    circuit. The first holds the address while its lease runs (`judgeAddress`); others get dynamic
//    ones.

import { type Ipv4, type MacAddress, networkContains } from '../../ground/address.ts';
import type { ReservedHost } from '../../machines/machine.ts';
import type { ClientNames } from './client-identity.ts';
import type { DhcpConfig, DhcpSubnet, Reservation } from './config.ts';

/** Reservations by what they match; undefined: none does. */
export interface ReservationIndex {
  readonly byMac: ReadonlyMap<MacAddress, Reservation>;
  readonly byAddress: ReadonlyMap<Ipv4, Reservation>;
  readonly byClientId: ReadonlyMap<string, Reservation> | undefined;
  readonly byDuid: ReadonlyMap<string, Reservation> | undefined;
  /** By `placeKey`. */
  readonly byPlace: ReadonlyMap<string, Reservation> | undefined;
}

/** RFC 4361 §6.1: an identifier's first byte if it holds a DUID, and the bytes before that. */
const NODE_SPECIFIC = 255;
const DUID_OFFSET = 5;

export function parseDuid(clientId: string | undefined): string | undefined {
  if (clientId === undefined || clientId.charCodeAt(0) !== NODE_SPECIFIC) return undefined;
  return clientId.length > DUID_OFFSET ? clientId.slice(DUID_OFFSET) : undefined;
}

const placeKey = (circuitId: string | undefined, remoteId: string | undefined): string =>
  `${circuitId?.length ?? ''}:${circuitId ?? ''}${remoteId === undefined ? '' : `:${remoteId}`}`;

export function indexReservations(reservations: readonly Reservation[]): ReservationIndex {
  return {
    byMac: indexBy(reservations, ({ mac }) => mac) ?? new Map(),
    byAddress: new Map(reservations.map((reservation) => [reservation.address, reservation])),
    byClientId: indexBy(reservations, ({ clientId }) => clientId),
    byDuid: indexBy(reservations, ({ duid }) => duid),
    byPlace: indexBy(reservations, ({ circuitId, remoteId }) =>
      circuitId === undefined && remoteId === undefined ? undefined : placeKey(circuitId, remoteId),
    ),
  };
}

function indexBy<K>(
  reservations: readonly Reservation[],
  findKey: (reservation: Reservation) => K | undefined,
): ReadonlyMap<K, Reservation> | undefined {
  const index = new Map<K, Reservation>();
  for (const reservation of reservations) {
    const key = findKey(reservation);
    if (key !== undefined) index.set(key, reservation);
  }
  return index.size === 0 ? undefined : index;
}

/** The configuration with the region's reserved addresses. */
export function withReserved(config: DhcpConfig, reserved: readonly ReservedHost[]): DhcpConfig {
  if (reserved.length === 0) return config;
  const subnets = config.subnets.map((subnet) => {
    const added = reservedIn(subnet, reserved);
    return added.length === 0 ? subnet : { ...subnet, reservations: [...subnet.reservations, ...added] };
  });
  return { ...config, subnets };
}

/**
 * The region's reserved addresses in a network; none in proxy mode, where another server gives the
 * addresses.
 */
function reservedIn(
  { network, proxy, reservations }: DhcpSubnet,
  reserved: readonly ReservedHost[],
): readonly Reservation[] {
  if (proxy === true) return [];
  const addresses = new Set(reservations.map(({ address }) => address));
  const macs = new Set(reservations.map(({ mac }) => mac).filter((mac) => mac !== undefined));
  return reserved.filter(
    ({ address, mac }) =>
      networkContains(network, address) && !addresses.has(address) && (mac === undefined || !macs.has(mac)),
  );
}

export function reservationFor(index: ReservationIndex, client: ClientNames): Reservation | undefined {
  const { byClientId, byDuid, byMac, byPlace } = index;
  const { clientId, mac } = client;
  if (clientId !== undefined) {
    const duid = byDuid === undefined ? undefined : parseDuid(clientId);
    const identified = byClientId?.get(clientId) ?? (duid === undefined ? undefined : byDuid?.get(duid));
    if (identified !== undefined) return identified;
  }
  const carded = byMac.get(mac);
  return carded !== undefined || byPlace === undefined ? carded : placed(byPlace, client);
}

function placed(
  byPlace: ReadonlyMap<string, Reservation>,
  { circuitId, remoteId }: ClientNames,
): Reservation | undefined {
  if (circuitId === undefined && remoteId === undefined) return undefined;
  const there = byPlace.get(placeKey(circuitId, remoteId));
  if (there !== undefined || circuitId === undefined || remoteId === undefined) return there;
  return byPlace.get(placeKey(circuitId, undefined)) ?? byPlace.get(placeKey(undefined, remoteId));
}

/** True if it can be this client's, whatever others there are. */
export function isReservedFor(reservation: Reservation, client: ClientNames): boolean {
  const { mac, clientId, duid, circuitId, remoteId } = reservation;
  if (mac !== undefined && mac === client.mac) return true;
  if (clientId !== undefined && clientId === client.clientId) return true;
  if (duid !== undefined && duid === parseDuid(client.clientId)) return true;
  if (circuitId === undefined && remoteId === undefined) return false;
  return (
    (circuitId === undefined || circuitId === client.circuitId) &&
    (remoteId === undefined || remoteId === client.remoteId)
  );
}
