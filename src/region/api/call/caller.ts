// Identifies the caller of a request, and the address from which it came.
//
// 1. A forwarded address counts only with the secret of this process's rack, or with the key of an
//    accepted rack that serves the address's network.
// 2. A remote rack cannot vouch for the boot of a machine whose home is elsewhere (`racks/machine-homes.ts`).
// 3. Requests that a remote rack passes on count in that rack's share (`share`), never in that of
//    clients that connect directly.
// 4. Wrong credentials make a caller `rejected`, never anonymous, so that a typo does not silently
//    get a reduced answer.

import type { IncomingMessage } from 'node:http';
import {
  type Ipv4,
  type MacAddress,
  networkContains,
  parseIpv4,
  parseMac,
  withoutIpv4Mapping,
} from '../../../ground/address.ts';
import type { Clock } from '../../../ground/clock.ts';
import { isStoreUnavailable } from '../../../ground/errors.ts';
import { keyForSpeaker } from '../../../net/shares/fair-shares.ts';
import { equalSecrets, findApiKey, findOperator, LOCAL_ADMINISTRATOR } from '../../accounts/accounts.ts';
import { parseAuthorization } from '../../accounts/authorization-header.ts';
import type { RegionConfig } from '../../config.ts';
import { machineOfKey } from '../../metadata/machine-keys.ts';
import type { RegionStore } from '../../records/store.ts';
import type { Outage } from '../../reports/notes.ts';
import { beforeProxies, type Received } from './proxies.ts';

/** The sender of a request. */
export interface Peer {
  /** The address as text, for display. */
  readonly address: string;
  /**
   * The key for rate limits and fair shares: the address, and with it the remote rack that passed
   * the request on.
   */
  readonly share: string;
  /**
   * True if a rack outside this process passed it on, or claims to have done so. Users cannot sign
   * in through such a rack.
   */
  readonly isByRack: boolean;
  readonly ipv4: Ipv4 | undefined;
  readonly isManaged: boolean;
  /** Over the control socket of this host, which is exempt from fair shares. */
  readonly isOperator: boolean;
  /** The boot token that the machine sent (`X-Rackboot-Token`). */
  readonly bootToken?: string | undefined;
  /** The interface the machine booted from, for which its rack vouches (`X-Rackboot-Boot`). */
  readonly vouchedMac?: MacAddress | undefined;
  /** The UUID of the remote rack that passed the request on; `undefined` if none did. */
  readonly rackUuid?: string | undefined;
  /**
   * Where it arrived at the rack that passed it on, `10.20.0.1:5248` (`X-Rackboot-Local`);
   * `undefined` if no rack did.
   */
  readonly rackLocal?: string | undefined;
}

export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'machine'; readonly systemId: string }
  | { readonly kind: 'rack'; readonly uuid: string }
  | {
      readonly kind: 'user';
      readonly username: string;
      readonly email: string;
      readonly isAdmin: boolean;
      /** The API key that identified the user; `undefined` for the control socket. */
      readonly tokenKey?: string | undefined;
    };

/** The part of the racks that this file uses. */
export interface KnownRacks {
  /** True if the address is in a network of an accepted rack. */
  serves(address: Ipv4): boolean;
  /**
   * The UUID of the accepted rack that holds this key, `token:secret`, and serves the address;
   * `undefined` if none does.
   */
  speakerFor(key: string, address: Ipv4): string | undefined;
  readonly homes: {
    /** True if this rack may vouch that a machine booted from this interface. */
    mayVouch(rackUuid: string, mac: MacAddress): Promise<boolean>;
  };
  /** The rack that generated this key, whatever the rack's state. */
  holderOf(credentials: { readonly tokenKey: string; readonly secret: string }): { readonly uuid: string } | undefined;
}

const NO_RACKS: KnownRacks = {
  serves: () => false,
  speakerFor: () => undefined,
  holderOf: () => undefined,
  homes: { mayVouch: async () => false },
};

interface CallerFacts extends Received {
  /** True if the request came through the operator's listener. */
  readonly isAtOperatorListener?: boolean | undefined;
}

const operatorRequests = new WeakSet<IncomingMessage>();

/**
 * Notes that a request came through the operator's listener, the only one at which the control
 * secret counts.
 */
export const noteOperatorRequest = (request: IncomingMessage): void => void operatorRequests.add(request);

/** Reads those parts from a request. */
export function readCallerFacts(request: IncomingMessage): CallerFacts {
  const { socket, headers } = request;
  return {
    isAtOperatorListener: operatorRequests.has(request),
    socketAddress: socket.remoteAddress ?? '',
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}

const isSecret = (input: string | undefined, secret = '') =>
  input !== undefined && secret !== '' && equalSecrets(input, secret);

const isOfOperator = ({ isAtOperatorListener, header }: CallerFacts, { controlSecret }: RegionConfig) =>
  isAtOperatorListener === true && isSecret(header('x-rackboot-control'), controlSecret);

/**
 * Finds the sender: the address of the socket, the one that the site's load balancer names, or the
 * one that a trusted rack names.
 */
export function findPeer(received: CallerFacts, config: RegionConfig, racks: KnownRacks = NO_RACKS): Peer {
  const facts = beforeProxies(received, config);
  const forwarded = facts.header('x-forwarded-for');
  const rackKey = facts.header('x-rackboot-rack');
  const isOwnRack = isSecret(rackKey, config.rackSecret);
  const named = parseIpv4((forwarded ?? '').trim());
  const rackUuid =
    isOwnRack || rackKey === undefined || named === undefined ? undefined : racks.speakerFor(rackKey, named);
  const isRemoteRack = rackUuid !== undefined;
  const isOperator = isOfOperator(facts, config);
  // The control socket has no address.
  const socketAddress = isOperator ? facts.socketAddress || '127.0.0.1' : facts.socketAddress;
  const written = isOwnRack || isRemoteRack ? (forwarded ?? '').trim() : socketAddress;
  const address = withoutIpv4Mapping(written);
  const parsed = parseIpv4(address);
  return {
    address: address.slice(0, 64),
    share: isRemoteRack ? formatShareKey(address, rackUuid) : address.slice(0, 64),
    isByRack: rackKey !== undefined && !isOwnRack,
    ipv4: parsed,
    isManaged:
      parsed !== undefined &&
      isServedAddress(parsed, config, racks) &&
      (rackKey === undefined || isOwnRack || isRemoteRack),
    isOperator,
    ...(isRemoteRack ? { rackUuid } : {}),
    ...describePeerBoot(facts, isOwnRack || isRemoteRack),
  };
}

/** The sender with the interface it booted from, if its rack may vouch for it. */
export async function withVouchedBoot(
  peer: Peer,
  facts: CallerFacts,
  config: RegionConfig,
  racks: KnownRacks,
): Promise<Peer> {
  const vouchedMac = parseMac(facts.header('x-rackboot-boot') ?? '');
  if (vouchedMac === undefined) return peer;
  const isOwnRack = isSecret(facts.header('x-rackboot-rack'), config.rackSecret);
  const { rackUuid } = peer;
  const isVouched = isOwnRack || (rackUuid !== undefined && (await racks.homes.mayVouch(rackUuid, vouchedMac)));
  return isVouched ? { ...peer, vouchedMac } : peer;
}

/** The share of a client for which a remote rack speaks. */
export const formatShareKey = (address: string, rackUuid: string): string => keyForSpeaker(address, `rack ${rackUuid}`);

const ADDRESS_AND_PORT = /^\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}$/;

/**
 * The boot of the machine, as the request describes it. Only a rack may report the address at which
 * the request arrived.
 */
function describePeerBoot(facts: CallerFacts, isFromRack: boolean): Pick<Peer, 'bootToken' | 'rackLocal'> {
  const bootToken = facts.header('x-rackboot-token');
  const rackLocal = isFromRack ? facts.header('x-rackboot-local') : undefined;
  return {
    ...(bootToken === undefined ? {} : { bootToken }),
    ...(rackLocal === undefined || !ADDRESS_AND_PORT.test(rackLocal) ? {} : { rackLocal }),
  };
}

function isServedAddress(address: Ipv4, config: RegionConfig, racks: KnownRacks) {
  return config.managedNetworks.some((network) => networkContains(network, address)) || racks.serves(address);
}

/** Identifies the caller by the control secret or by an API key; anonymous without both. */
export async function findCaller(
  facts: CallerFacts,
  config: RegionConfig,
  store: RegionStore,
  clock: Clock,
  racks: KnownRacks = NO_RACKS,
): Promise<Caller> {
  if (isOfOperator(facts, config)) {
    const { username = LOCAL_ADMINISTRATOR, email = '' } = (await operatorIn(store)) ?? {};
    return { kind: 'user', username, email, isAdmin: true };
  }
  const header = facts.header('authorization');
  if (header === undefined) return { kind: 'anonymous' };
  const credentials = parseAuthorization(header);
  if (credentials?.kind !== 'key') return { kind: 'rejected' };
  const key = await findApiKey(store, clock, credentials);
  if (key === undefined) {
    const rack = racks.holderOf(credentials);
    if (rack !== undefined) return { kind: 'rack', uuid: rack.uuid };
    const systemId = await machineOfKey(store, credentials);
    return systemId === undefined ? { kind: 'rejected' } : { kind: 'machine', systemId };
  }
  if (key.systemId !== undefined) return { kind: 'machine', systemId: key.systemId };
  if (key.owner === undefined) return { kind: 'rejected' };
  const { username, email, isAdmin } = key.owner;
  return { kind: 'user', username, email, isAdmin, tokenKey: key.tokenKey };
}

/** During an outage of the store, commands on this host still learn what is wrong, as LOCAL_ADMINISTRATOR. */
async function operatorIn(store: RegionStore) {
  try {
    return await findOperator(store);
  } catch (error) {
    if (!isStoreUnavailable(error)) throw error;
    return undefined;
  }
}

/**
 * The requests of administrators. Only these are shown the texts of the database and the system in
 * an outage.
 */
const OF_ADMINISTRATORS = new WeakSet<IncomingMessage>();

/** Records that a request is an administrator's. */
export function noteAdministrator(request: IncomingMessage, sender: { readonly isAdmin: boolean }): void {
  if (sender.isAdmin) OF_ADMINISTRATORS.add(request);
}

/** The outage as the sender of a request may see it. */
export const shownOutage = (outage: Outage, request: IncomingMessage): Outage =>
  OF_ADMINISTRATORS.has(request) ? outage : withoutQuotes(outage);

/** The outage without the texts of the database and the system. */
export function withoutQuotes(outage: Outage): Outage {
  if ('said' in outage) return { ...outage, said: '' };
  return 'reason' in outage ? { ...outage, reason: '' } : outage;
}
