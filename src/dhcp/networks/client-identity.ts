// Who a client is. Sources: RFC 2131 §2 (client identifier), §4.2; RFC 4361; RFC 2132 §9.14.
//
// 1. By default a client is its hardware address (chaddr): ROM, loader and system of one machine send different client identifiers and
//    are one client all the same. Deviates from RFC 2131 §4.2 because a machine would otherwise take an address for each of them.
// 2. In a network whose `identity` is `client-id` it is the identifier it sends (option 61); one that sends none is its hardware address.
// 3. A record holds hardware address and identifier, and the network's setting says which of them counts. So the setting can change while
//    leases run. It also holds which of them counted when it was granted: what was granted to an identifier is that one's until it ends,
//    however often it is renewed, although its hardware address is all that counts by now: several hosts may have that one.

import type { MacAddress } from '../../net/address.ts';

/** By what the clients of a network are told apart. */
export type IdentityRule = 'mac' | 'client-id';

/** A client, told from every other one of its network: a number is a hardware address, a text a client identifier, one character a byte. */
export type ClientIdentity = MacAddress | string;

/** What a message or a record shows of a client. */
export interface ClientNames {
  readonly mac: MacAddress;
  /** Option 61, one character a byte; undefined: none. */
  readonly clientId?: string | undefined;
  /** Where it is, as a relay agent says (82.1, 82.2), one character a byte; undefined: not said. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
}

/** A record, and by what its client was told apart when it got it. */
export interface GrantedNames extends ClientNames {
  /** Undefined: `mac`. */
  readonly identity?: IdentityRule | undefined;
}

/** Who a client is where `rule` holds. */
export const identityBy = (rule: IdentityRule | undefined, { mac, clientId }: ClientNames): ClientIdentity =>
  rule === 'client-id' && clientId !== undefined ? clientId : mac;

/** True when a record is of the client where `rule` holds. */
export function isGrantedTo(rule: IdentityRule | undefined, record: GrantedNames, client: ClientNames): boolean {
  if (identityBy(rule, record) !== identityBy(rule, client)) return false;
  return rule === 'client-id' || record.identity !== 'client-id' || record.clientId === client.clientId;
}
