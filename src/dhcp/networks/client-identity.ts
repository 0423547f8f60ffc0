// The identity of a client. Sources: RFC 2131 §2 (client identifier), §4.2; RFC 4361; RFC 2132 §9.14.
//
// 1. By default the hardware address (chaddr) identifies a client. ROM, loader and system of one
//    machine send different client identifiers but are one client. Deviates from RFC 2131 §4.2
//    because a machine would otherwise take an address for each.
// 2. With `identity: client-id` it is the identifier sent (option 61), or the hardware address without one.
// 3. A record holds both, so the setting can change while leases run. It also holds which counted
//    at the grant. A lease granted to an identifier stays with it until it ends, even if only the
//    hardware address counts by now: several hosts may share that.

import type { MacAddress } from '../../ground/address.ts';

/** How a network tells clients apart. */
export type IdentityRule = 'mac' | 'client-id';

/**
 * Unique in its network: a hardware address as number, or a client identifier as text, one
 * character a byte.
 */
export type ClientIdentity = MacAddress | string;

export interface ClientNames {
  readonly mac: MacAddress;
  /** Option 61, one character a byte. */
  readonly clientId?: string | undefined;
  /** By a relay agent (82.1, 82.2), one character a byte. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
}

/** A record, and what identified its client then. */
export interface GrantedNames extends ClientNames {
  /** Undefined: `mac`. */
  readonly identity?: IdentityRule | undefined;
}

export const identityBy = (rule: IdentityRule | undefined, { mac, clientId }: ClientNames): ClientIdentity =>
  rule === 'client-id' && clientId !== undefined ? clientId : mac;

export function isGrantedTo(rule: IdentityRule | undefined, record: GrantedNames, client: ClientNames): boolean {
  if (identityBy(rule, record) !== identityBy(rule, client)) return false;
  return rule === 'client-id' || record.identity !== 'client-id' || record.clientId === client.clientId;
}
