// Who asks, and from where.
//
// 1. A forwarded address counts only with the secret of this process's rack, or with the key of an accepted rack that serves the
//    network of this address; the headers are otherwise ignored.
// 2. A remote rack vouches for no boot of a machine that is at home elsewhere (`racks/machine-homes.ts`).
// 3. Whatever a remote rack passes on is counted as that rack's (`share`), never beside those who come from the address themselves.
// 4. Credentials that are wrong make a caller `rejected`, never anonymous: a typing mistake is not answered with less.

import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../clock.ts';
import { spokenFor } from '../../fair-shares.ts';
import {
  type Ipv4,
  ipv4,
  type MacAddress,
  networkContains,
  parseIpv4,
  parseMac,
  withoutIpv4Mapping,
} from '../../net/address.ts';
import { equalSecrets, findApiKey, LOCAL_ADMINISTRATOR } from '../accounts/accounts.ts';
import { parseAuthorization } from '../accounts/authorization.ts';
import type { RegionConfig } from '../config.ts';
import { machineOfKey } from '../metadata/machine-keys.ts';
import type { RegionStore } from '../records/store.ts';

/** Where a request comes from. */
export interface Peer {
  /** As text, for people. */
  readonly address: string;
  /** Under which its requests are counted and its places are shared out: the address, and of what a remote rack says the rack with it. */
  readonly share: string;
  /** A rack that is not of this process passed it on, or says so; nobody signs in that way. */
  readonly isByRack: boolean;
  readonly ipv4: Ipv4 | undefined;
  /** In one of the managed networks. */
  readonly isManaged: boolean;
  /** From this host itself, not passed on by anybody. */
  readonly isLocal: boolean;
  /** Over the control socket of this host: nobody's share is asked. */
  readonly isOperator: boolean;
  /** The token of its boot, as the machine gave it (`X-Rackboot-Token`). */
  readonly bootToken?: string | undefined;
  /** The interface it booted from, for which its rack vouches (`X-Rackboot-Boot`). */
  readonly vouchedMac?: MacAddress | undefined;
  /** The UUID of the remote rack that passed it on; undefined: none did. */
  readonly rackUuid?: string | undefined;
  /** Where the request arrived at the rack that passed it on, `10.20.0.1:5248` (`X-Rackboot-Local`); undefined: no rack did. */
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
      /** The API key that said so; undefined: it was the control socket. */
      readonly tokenKey?: string | undefined;
    };

/** What the racks of the region say of an address. */
export interface KnownRacks {
  /** True when it lies in a network of an accepted rack. */
  serves(address: Ipv4): boolean;
  /** The UUID of the accepted rack that holds this key, `token:secret`, and serves it; undefined: none does. */
  speakerFor(key: string, address: Ipv4): string | undefined;
  /** Which machines are whose. */
  readonly homes: {
    /** True when this rack may say that it booted a machine by this interface. */
    mayVouch(rackUuid: string, mac: MacAddress): boolean;
  };
  /** The rack that has drawn this key, whatever its state. */
  holderOf(credentials: { readonly tokenKey: string; readonly secret: string }): { readonly uuid: string } | undefined;
}

const NO_RACKS: KnownRacks = {
  serves: () => false,
  speakerFor: () => undefined,
  holderOf: () => undefined,
  homes: { mayVouch: () => false },
};

/** What of a request tells who asks. */
export interface CallerFacts {
  readonly socketAddress: string;
  readonly header: (name: string) => string | undefined;
}

/** The same of a request as it came. */
export function factsOf({ socket, headers }: IncomingMessage): CallerFacts {
  return {
    socketAddress: socket.remoteAddress ?? '',
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}

function holdsSecret(given: string | undefined, config: RegionConfig): boolean {
  return given !== undefined && config.rackSecret !== '' && equalSecrets(given, config.rackSecret);
}

/** True for what the control socket of this host passes on. */
const isOfOperator = (header: string | undefined, config: RegionConfig): boolean => holdsSecret(header, config);

const LOOPBACK = { address: ipv4(0x7f_00_00_00), prefix: 8 };

/** Where the request comes from: the socket, or what a rack says that may say it. */
export function findPeer(facts: CallerFacts, config: RegionConfig, racks: KnownRacks = NO_RACKS): Peer {
  const forwarded = facts.header('x-forwarded-for');
  const rackKey = facts.header('x-rackboot-rack');
  const isOwnRack = holdsSecret(rackKey, config);
  const told = parseIpv4((forwarded ?? '').trim());
  const rackUuid =
    isOwnRack || rackKey === undefined || told === undefined ? undefined : racks.speakerFor(rackKey, told);
  const isRemoteRack = rackUuid !== undefined;
  const isOperator = isOfOperator(facts.header('x-rackboot-control'), config);
  // The operator's own socket has no address.
  const socketAddress = isOperator ? facts.socketAddress || '127.0.0.1' : facts.socketAddress;
  const written = isOwnRack || isRemoteRack ? (forwarded ?? '').trim() : socketAddress;
  const address = withoutIpv4Mapping(written);
  const parsed = parseIpv4(address);
  const isLoopback = address === '::1' || (parsed !== undefined && networkContains(LOOPBACK, parsed));
  return {
    address: address.slice(0, 64),
    share: isRemoteRack ? shareOf(address, rackUuid) : address.slice(0, 64),
    isByRack: rackKey !== undefined && !isOwnRack,
    ipv4: parsed,
    isManaged:
      parsed !== undefined && isServed(parsed, config, racks) && (rackKey === undefined || isOwnRack || isRemoteRack),
    isOperator,
    isLocal: isLoopback && forwarded === undefined && facts.header('forwarded') === undefined,
    ...(isRemoteRack ? { rackUuid } : {}),
    ...bootOf(
      facts,
      isOwnRack || isRemoteRack,
      (mac) => isOwnRack || (isRemoteRack && racks.homes.mayVouch(rackUuid, mac)),
    ),
  };
}

/** Under which name somebody is counted whom a remote rack names. */
export const shareOf = (address: string, rackUuid: string): string => spokenFor(address, `rack ${rackUuid}`);

const ADDRESS_AND_PORT = /^\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}$/;

/** What the request says of the boot of its machine. Only a rack may vouch for a boot, and of its own machines; only a rack says where it arrived. */
function bootOf(
  facts: CallerFacts,
  isFromRack: boolean,
  mayVouch: (mac: MacAddress) => boolean,
): Pick<Peer, 'bootToken' | 'vouchedMac' | 'rackLocal'> {
  const bootToken = facts.header('x-rackboot-token');
  const rackLocal = isFromRack ? facts.header('x-rackboot-local') : undefined;
  const vouchedMac = parseMac(facts.header('x-rackboot-boot') ?? '');
  return {
    ...(bootToken === undefined ? {} : { bootToken }),
    ...(vouchedMac === undefined || !mayVouch(vouchedMac) ? {} : { vouchedMac }),
    ...(rackLocal === undefined || !ADDRESS_AND_PORT.test(rackLocal) ? {} : { rackLocal }),
  };
}

function isServed(address: Ipv4, config: RegionConfig, racks: KnownRacks): boolean {
  return config.managedNetworks.some((network) => networkContains(network, address)) || racks.serves(address);
}

/** Who asks: by the control secret, by an API key, or nobody in particular. */
export function findCaller(
  facts: CallerFacts,
  config: RegionConfig,
  store: RegionStore,
  clock: Clock,
  racks: KnownRacks = NO_RACKS,
): Caller {
  if (isOfOperator(facts.header('x-rackboot-control'), config)) {
    return { kind: 'user', username: LOCAL_ADMINISTRATOR, email: '', isAdmin: true };
  }
  const header = facts.header('authorization');
  if (header === undefined) return { kind: 'anonymous' };
  const credentials = parseAuthorization(header);
  if (credentials?.kind !== 'key') return { kind: 'rejected' };
  const key = findApiKey(store, clock, credentials);
  if (key === undefined) {
    const rack = racks.holderOf(credentials);
    if (rack !== undefined) return { kind: 'rack', uuid: rack.uuid };
    const systemId = machineOfKey(store, credentials);
    return systemId === undefined ? { kind: 'rejected' } : { kind: 'machine', systemId };
  }
  if (key.systemId !== undefined) return { kind: 'machine', systemId: key.systemId };
  const user = key.username === undefined ? undefined : store.findUser(key.username);
  if (user === undefined) return { kind: 'rejected' };
  const { username, email, isAdmin } = user;
  return { kind: 'user', username, email, isAdmin, tokenKey: key.tokenKey };
}
