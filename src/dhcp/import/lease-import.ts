// Decides whether another DHCP server's lease may be imported. Pure.
//
//   network, address fixed for another, outside the range …  → refused, as a REQUEST for it would be (`judgeAddress`)
//   the record here says the same, or is newer               → kept as it is
//   else                                                     → a record that makes the address the client's again
//
// 1. A running lease of this server is never replaced.
// 2. Importing a file again changes nothing.
// 3. An ended lease is imported too: its client gets its old address back.
// 4. An imported lease ends when the other server said. An address set aside for good is set aside
//    for this server's usual time: nobody would ever release it.
// 5. A client's data is kept as from a message, cut to the same lengths.
// 6. No record begins or ends before OLDEST_WALL_MS: it would seem to come from a clock never set
//    (`lease-clock.ts`), and would run again after each restart.

import { type Instant, later, seconds } from '../../ground/clock.ts';
import type { AddressObjection } from '../events/refusals.ts';
import { type AllocationFacts, identityIn, isSameClient, judgeAddress } from '../leases/allocate.ts';
import { ENDLESS_SECONDS, type Lease } from '../leases/lease.ts';
import { PLAUSIBLE_WALL_MS } from '../leases/lease-clock.ts';
import { isActive, isHeld } from '../leases/lease-table.ts';
import { NOBODY, setAside } from '../leases/set-aside.ts';
import { findServedSubnet, type SubnetIndex } from '../networks/subnet.ts';
import { hostLabel, IDENTIFIER_CHARACTERS_MAX, keptVendorClass } from '../wire/options.ts';
import type { ForeignLease } from './foreign-lease.ts';

/** Closer times are the same: files count in seconds. */
const SAME_MS = 1000;
/** A day later, because the clocks of two starts of a host differ by milliseconds. */
const OLDEST_WALL_MS = PLAUSIBLE_WALL_MS + 86_400_000;
export type ImportRefusal =
  | AddressObjection
  /** In none of the networks served here. */
  | 'network-unknown'
  /** The record here says the same. */
  | 'already-there'
  /** The record here is newer. */
  | 'newer-here'
  /** The client has since got another address. */
  | 'client-moved'
  /** An address set aside that is free again. */
  | 'quarantine-over'
  /** The running rack cannot read what the command sent. */
  | 'entry-unreadable';

/** Each reason as a sentence, with any remedy. */
export const IMPORT_REFUSALS: Readonly<Record<ImportRefusal, string>> = {
  'network-unknown': 'The address is in no network of a cluster interface; add the network and import again.',
  'address-outside-range':
    'The address is outside the dynamic range and not fixed for the client; widen the range, or add the client under hosts.',
  'address-excluded':
    "The address is the rack's own, the router's or the network's; give that machine another one, or let it get one when it asks.",
  'address-reserved':
    'The address is fixed for another client, or in the static range; add the client under hosts with it, or let it get another one.',
  'address-leased':
    'Another client holds the address here (rackboot leases show says which); this client gets another address when it asks.',
  'address-offered': 'The address has just been offered to another client; import again in a minute.',
  'address-declined': 'The address is set aside here: a host was found using it without a lease.',
  'already-there': 'The lease is here already.',
  'newer-here': 'The record of the address here is newer.',
  'client-moved': 'The client has since got another address of the network.',
  'quarantine-over': 'The other server had set the address aside, but that time is over.',
  'entry-unreadable':
    'The running rack cannot read the entry: the command has another version; restart the rack and import again.',
};

export const isImportRefusal = (name: string): name is ImportRefusal => Object.hasOwn(IMPORT_REFUSALS, name);

type ImportVerdict =
  | { readonly kind: 'take'; readonly lease: Lease }
  | { readonly kind: 'leave'; readonly reason: ImportRefusal };

export interface ImportFacts extends AllocationFacts {
  readonly subnets: SubnetIndex;
}

export interface ImportMoment {
  readonly now: Instant;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

const leave = (reason: ImportRefusal): ImportVerdict => ({ kind: 'leave', reason });

export function judgeImport(foreign: ForeignLease, facts: ImportFacts, moment: ImportMoment): ImportVerdict {
  const { address } = foreign;
  const { now } = moment;
  const served = findServedSubnet(facts.subnets.served, address);
  if (served === undefined) return leave('network-unknown');
  const record = convertForeignLease(foreign, moment);
  const lease: Lease = served.subnet.identity === 'client-id' ? { ...record, identity: 'client-id' } : record;
  const current = facts.leases.find(address);
  if (current !== undefined && isSameClient(served, current, lease) && isSameLease(current, lease, now))
    return leave('already-there');
  if (lease.state === 'declined') {
    const isForGood = foreign.expiresWallMs === undefined;
    if (isForGood && current?.state === 'declined' && isHeld(current, now)) return leave('already-there');
    if (lease.expiresAt <= now) return leave('quarantine-over');
    if (served.excluded.has(address)) return leave('address-excluded');
    if (isHeld(current, now)) return leave(current.state === 'declined' ? 'address-declined' : 'address-leased');
    return { kind: 'take', lease };
  }
  const objection = judgeAddress(served, lease, address, facts, now);
  if (objection !== undefined) return leave(objection);
  if (current !== undefined && isNewerLease(current, lease, now)) return leave('newer-here');
  const own = facts.leases.findByClient(identityIn(served, lease), served.subnet.network);
  const hasMoved =
    own !== undefined && own.address !== address && isActive(own, now) && own.grantedAt > lease.grantedAt;
  return hasMoved ? leave('client-moved') : { kind: 'take', lease };
}

/** The record that the lease would get here. */
function convertForeignLease(foreign: ForeignLease, { now, wallMs }: ImportMoment): Lease {
  const { address, mac = NOBODY, state, grantedWallMs, expiresWallMs } = foreign;
  if (state === 'declined' && expiresWallMs === undefined) return setAside(address, mac, now);
  const longest = later(now, ENDLESS_SECONDS * 1000);
  const instantOf = (ms: number): Instant => later(now, Math.max(ms, Math.min(OLDEST_WALL_MS, wallMs)) - wallMs);
  const end = expiresWallMs === undefined ? longest : earliest(instantOf(expiresWallMs), longest);
  const grantInstant = grantedWallMs === undefined ? now : earliest(instantOf(grantedWallMs), now);
  const expiresAt = state === 'released' && end > now ? grantInstant : end;
  // An ended lease's last sign of life is its end.
  const grantedAt = expiresAt <= now ? expiresAt : grantInstant;
  const lasts = Math.max(0, Math.round((expiresAt - grantInstant) / 1000));
  return {
    address,
    mac,
    state,
    grantedAt,
    expiresAt,
    duration: expiresWallMs === undefined ? ENDLESS_SECONDS : seconds(Math.min(lasts, ENDLESS_SECONDS)),
    hostname: hostLabel(foreign.hostname),
    clientId: keptIdentifier(foreign.clientId),
    vendorClass: keptVendorClass(foreign.vendorClass),
    circuitId: keptIdentifier(foreign.circuitId),
    remoteId: keptIdentifier(foreign.remoteId),
  };
}

/** Cut as in messages, so that the client is found by it. */
const keptIdentifier = (bytes: string | undefined): string | undefined =>
  bytes?.slice(0, IDENTIFIER_CHARACTERS_MAX) || undefined;

const earliest = (a: Instant, b: Instant): Instant => (a < b ? a : b);

/** True if `lease` would add nothing to `current`. */
function isSameLease(current: Lease, lease: Lease, now: Instant): boolean {
  if (current.state !== lease.state) return false;
  if (current.duration === ENDLESS_SECONDS && lease.duration === ENDLESS_SECONDS && isHeld(current, now)) return true;
  return Math.abs(current.expiresAt - lease.expiresAt) < SAME_MS;
}

/** True if `current` is later than `lease` and holds its address for no other client. */
function isNewerLease(current: Lease, lease: Lease, now: Instant): boolean {
  // The client's own running lease here is never shortened.
  if (isActive(current, now)) return current.expiresAt >= lease.expiresAt;
  return !isActive(lease, now) && lastSign(current) >= lastSign(lease);
}

const lastSign = (lease: Lease): Instant => (lease.state === 'bound' ? lease.expiresAt : lease.grantedAt);
