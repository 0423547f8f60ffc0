// The identity of a client. Sources: RFC 2131 §2 (client identifier), §4.2; RFC 4361; RFC 2132 §9.14.
//
// 1. By default a client is identified by its hardware address (chaddr). ROM, loader and system of one machine send different client
//    identifiers but are one client. Deviates from RFC 2131 §4.2 because a machine would otherwise take an address for each of them.
// 2. In a network with `identity: client-id` a client is identified by the identifier it sends (option 61), or by its hardware address if
//    it sends none.
// 3. A record holds hardware address and identifier, and the network's setting decides which of them counts, so the setting can change
//    while leases run. The record also holds which of them counted at the grant. A lease granted to an identifier stays with it until it
//    ends, however often it is renewed, even if only the hardware address counts by now: several hosts may share that address.

import type { MacAddress } from '../../net/address.ts';

/** The rule that tells the clients of a network apart. */
export type IdentityRule = 'mac' | 'client-id';

/** A client, unique in its network: a number is a hardware address, a text a client identifier, one character a byte. */
export type ClientIdentity = MacAddress | string;

/** The names of a client in a message or a record. */
export interface ClientNames {
  readonly mac: MacAddress;
  /** Option 61, one character a byte; undefined: none. */
  readonly clientId?: string | undefined;
  /** Where it is, according to a relay agent (82.1, 82.2), one character a byte; undefined: not given. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
}

/** A record, and what identified its client when it got it. */
export interface GrantedNames extends ClientNames {
  /** Undefined: `mac`. */
  readonly identity?: IdentityRule | undefined;
}

/** The identity of a client under `rule`. */
export const identityBy = (rule: IdentityRule | undefined, { mac, clientId }: ClientNames): ClientIdentity =>
  rule === 'client-id' && clientId !== undefined ? clientId : mac;

/** True if a record belongs to the client under `rule`. */
export function isGrantedTo(rule: IdentityRule | undefined, record: GrantedNames, client: ClientNames): boolean {
  if (identityBy(rule, record) !== identityBy(rule, client)) return false;
  return rule === 'client-id' || record.identity !== 'client-id' || record.clientId === client.clientId;
}
