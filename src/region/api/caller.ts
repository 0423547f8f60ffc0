// Who asks, and from where.
//
// 1. A forwarded address counts only with the rack's secret; the headers are otherwise ignored.
// 2. Credentials that are wrong make a caller `rejected`, never anonymous: a typing mistake is not answered with less.

import type { Clock } from '../../clock.ts';
import { type Ipv4, ipv4, networkContains, parseIpv4 } from '../../net/address.ts';
import { equalSecrets, findApiKey } from '../accounts.ts';
import { parseAuthorization } from '../authorization.ts';
import type { RegionConfig } from '../config.ts';
import type { RegionStore } from '../store.ts';

/** Where a request comes from. */
export interface Peer {
  /** As text, for the rate and for people. */
  readonly address: string;
  readonly ipv4: Ipv4 | undefined;
  /** In one of the managed networks. */
  readonly isManaged: boolean;
  /** From this host itself, not passed on by anybody. */
  readonly isLocal: boolean;
}

export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'machine'; readonly systemId: string }
  | { readonly kind: 'user'; readonly username: string; readonly email: string; readonly isAdmin: boolean };

/** What of a request tells who asks. */
export interface CallerFacts {
  readonly socketAddress: string;
  readonly header: (name: string) => string | undefined;
}

/** The name under which the local administrator's deeds are recorded. */
const LOCAL_ADMINISTRATOR = 'local-administrator';

function holdsSecret(given: string | undefined, config: RegionConfig): boolean {
  return given !== undefined && config.rackSecret !== '' && equalSecrets(given, config.rackSecret);
}

const LOOPBACK = { address: ipv4(0x7f_00_00_00), prefix: 8 };

/** Where the request comes from: the socket, or what a rack that knows the secret says. */
export function findPeer(facts: CallerFacts, config: RegionConfig): Peer {
  const forwarded = facts.header('x-forwarded-for');
  const isFromRack = holdsSecret(facts.header('x-rackboot-rack'), config);
  const written = isFromRack ? (forwarded ?? '').trim() : facts.socketAddress;
  const address = written.replace(/^::ffff:(?=\d+\.)/i, '');
  const parsed = parseIpv4(address);
  const isLoopback = address === '::1' || (parsed !== undefined && networkContains(LOOPBACK, parsed));
  return {
    address: address.slice(0, 64),
    ipv4: parsed,
    isManaged: parsed !== undefined && config.managedNetworks.some((network) => networkContains(network, parsed)),
    isLocal: isLoopback && forwarded === undefined && facts.header('forwarded') === undefined,
  };
}

/** Who asks: by the control secret, by an API key, or nobody in particular. */
export function findCaller(facts: CallerFacts, config: RegionConfig, store: RegionStore, clock: Clock): Caller {
  if (holdsSecret(facts.header('x-rackboot-control'), config)) {
    return { kind: 'user', username: LOCAL_ADMINISTRATOR, email: '', isAdmin: true };
  }
  const header = facts.header('authorization');
  if (header === undefined) return { kind: 'anonymous' };
  const credentials = parseAuthorization(header);
  if (credentials?.kind !== 'key') return { kind: 'rejected' };
  const key = findApiKey(store, clock, credentials);
  if (key === undefined) return { kind: 'rejected' };
  if (key.systemId !== undefined) return { kind: 'machine', systemId: key.systemId };
  const user = key.username === undefined ? undefined : store.findUser(key.username);
  if (user === undefined) return { kind: 'rejected' };
  return { kind: 'user', username: user.username, email: user.email, isAdmin: user.isAdmin };
}
