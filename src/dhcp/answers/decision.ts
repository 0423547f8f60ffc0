// What was decided about a message: a value, which the server carries out.

import type { Instant } from '../../clock.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { Destination } from '../../net/datagram.ts';
import type { DhcpEvent, DhcpRefusal } from '../events.ts';
import type { Lease } from '../leases/lease.ts';
import type { Newcomer } from '../limits/new-clients.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { DhcpMessage } from '../wire/message.ts';
import type { Inquiry } from './inquiry.ts';
import { eventOf } from './terms.ts';

/** An address to keep for a client while it makes up its mind. */
export interface OfferedAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** For whom it is kept. */
  readonly client: ClientIdentity;
  /** Look first whether somebody uses it without a lease. */
  readonly probe: boolean;
  /** It is fixed for the client, by the region or by a reservation. */
  readonly isFixed: boolean;
}

/** An address that a client was seen to take from another DHCP server. */
export interface AddressClaim {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly at: Instant;
}

/** Who declined an address, and where. */
export interface DeclinedOffer {
  readonly by: MacAddress;
  readonly client: ClientIdentity;
  readonly sharedNetwork: readonly ServedSubnet[];
}

/** What to do with a message. */
export type DhcpDecision =
  | {
      readonly kind: 'reply';
      readonly message: DhcpMessage;
      readonly destination: Destination;
      /** The subnet whose interface the reply leaves by. */
      readonly served: ServedSubnet;
      /** The subnets of the client's shared network, that one among them. */
      readonly sharedNetwork: readonly ServedSubnet[];
      /** To be durable before the reply leaves; empty: the reply may leave at once, unless it rests on a record. */
      readonly records: readonly Lease[];
      /** An ACK's without a new record: the record in force, which is to be durable before the reply leaves. */
      readonly restsOn?: Lease | undefined;
      /** The client got an address just now, and comes again. */
      readonly isRepeat?: boolean | undefined;
      /** The client, when nobody knew it before. */
      readonly newcomer?: Newcomer | undefined;
      /** An OFFER's: the address to keep for the client. */
      readonly offer?: OfferedAddress | undefined;
      /** In proxy mode: what the message tells of the client's address. */
      readonly claim?: AddressClaim | undefined;
      readonly event: DhcpEvent;
    }
  | {
      readonly kind: 'record';
      readonly records: readonly Lease[];
      /** The client gives back what it got just now. */
      readonly isRepeat?: boolean | undefined;
      /** The client that found somebody else using its address, and what it was offered on its shared network, which is over. */
      readonly declined?: DeclinedOffer | undefined;
      readonly event: DhcpEvent;
    }
  | {
      readonly kind: 'ignore';
      readonly reason: DhcpRefusal;
      /** The client that nobody knows and that is left without an address. */
      readonly newcomer?: Newcomer | undefined;
      readonly event: DhcpEvent;
    }
  /** In proxy mode: it is another server's to answer. Counted; told only where somebody wants to know. */
  | {
      readonly kind: 'pass';
      readonly reason: DhcpRefusal;
      readonly claim?: AddressClaim | undefined;
      readonly event?: DhcpEvent | undefined;
    };

/** Whom a message without an answer came from. */
interface Cause {
  readonly newcomer?: Newcomer | undefined;
  /** The names of the client's classes, as far as they have to do with it. */
  readonly classes?: string | undefined;
}

/** Leaves a new client without an answer, for there are too many where it is. */
export const ignoreNewcomer = (inquiry: Inquiry, newcomer: Newcomer, address: Ipv4): DhcpDecision =>
  ignore(inquiry, 'too-many-new-clients', address, { newcomer });

/** Leaves a message without an answer. */
export function ignore(inquiry: Inquiry, reason: DhcpRefusal, address?: Ipv4, because: Cause = {}): DhcpDecision {
  const { newcomer, classes } = because;
  const event = { ...eventOf(inquiry, 'dhcp.refused'), address, reason, classes };
  return { kind: 'ignore', reason, newcomer, event };
}
