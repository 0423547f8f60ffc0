// What was decided about a message: a value, which the server carries out.

import type { Ipv4, MacAddress } from '../net/address.ts';
import type { Destination } from '../net/datagram.ts';
import type { DhcpEvent, DhcpRefusal } from './events.ts';
import type { Inquiry } from './inquiry.ts';
import type { Lease } from './lease.ts';
import type { DhcpMessage } from './message.ts';
import type { ServedSubnet } from './subnet.ts';
import { eventOf } from './terms.ts';

/** An address to keep for a client while it makes up its mind. */
export interface OfferedAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** Look first whether somebody uses it without a lease. */
  readonly probe: boolean;
}

/** What to do with a message. */
export type DhcpDecision =
  | {
      readonly kind: 'reply';
      readonly message: DhcpMessage;
      readonly destination: Destination;
      /** The subnet whose interface the reply leaves by. */
      readonly served: ServedSubnet;
      /** To be durable before the reply leaves; empty: the reply may leave at once. */
      readonly records: readonly Lease[];
      /** An OFFER's: the address to keep for the client. */
      readonly offer?: OfferedAddress | undefined;
      readonly event: DhcpEvent;
    }
  | { readonly kind: 'record'; readonly records: readonly Lease[]; readonly event: DhcpEvent }
  | { readonly kind: 'ignore'; readonly reason: DhcpRefusal; readonly event: DhcpEvent };

/** Leaves a message without an answer. */
export function ignore(inquiry: Inquiry, reason: DhcpRefusal, address?: Ipv4): DhcpDecision {
  return { kind: 'ignore', reason, event: { ...eventOf(inquiry, 'dhcp.refused'), address, reason } };
}
