// The decision on a message: a value, which the server carries out.

import type { Instant } from '../../clock.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { Destination } from '../../net/datagrams/datagram.ts';
import type { DhcpEvent } from '../events/events.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import type { Lease } from '../leases/lease.ts';
import type { Introduction } from '../leases/offers.ts';
import type { Newcomer } from '../limits/new-clients.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { DhcpMessage } from '../wire/message.ts';
import type { Inquiry } from './inquiry.ts';
import { eventOf } from './terms.ts';

/** An address to hold until the client decides, or until a probe of the address has ended. */
export interface OfferedAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** The client it is held for. */
  readonly client: ClientIdentity;
  /** Probe first whether a host uses it without a lease. */
  readonly probe: boolean;
  /** The region or a reservation fixed it for the client. */
  readonly isFixed: boolean;
}

/** An address that a client took from another DHCP server. */
export interface AddressClaim {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly at: Instant;
}

/** The client that declined an address, and where. */
interface DeclinedOffer {
  readonly by: MacAddress;
  readonly client: ClientIdentity;
  readonly sharedNetwork: readonly ServedSubnet[];
}

/** The decision on a message. */
export type DhcpDecision =
  | {
      readonly kind: 'reply';
      readonly message: DhcpMessage;
      readonly destination: Destination;
      /** The subnet whose interface the reply leaves by. */
      readonly served: ServedSubnet;
      /** The subnets of the client's shared network, including that one. */
      readonly sharedNetwork: readonly ServedSubnet[];
      /** The reply leaves only after these are durable. Without any it leaves at once, unless it rests on a record (`restsOn`). */
      readonly records: readonly Lease[];
      /** For an ACK that writes nothing: the existing record, which must be durable first. */
      readonly restsOn?: Lease | undefined;
      /** The client got an address just now and asks again. */
      readonly isRepeat?: boolean | undefined;
      /** The client, if it was unknown before. */
      readonly newcomer?: Newcomer | undefined;
      /** For an OFFER: the address to hold for the client. For an ACK: the address to probe first, and then to decide again. */
      readonly offer?: OfferedAddress | undefined;
      /** For an OFFER: what the client said of itself, which its REQUEST may leave out. */
      readonly introduction?: Introduction | undefined;
      /** In proxy mode: the client's address, as the message shows it. */
      readonly claim?: AddressClaim | undefined;
      readonly event: DhcpEvent;
    }
  | {
      readonly kind: 'record';
      readonly records: readonly Lease[];
      /** The client gives back what it got just now. */
      readonly isRepeat?: boolean | undefined;
      /** The client that found another host using its address. Its offers on that shared network end. */
      readonly declined?: DeclinedOffer | undefined;
      readonly event: DhcpEvent;
    }
  | {
      readonly kind: 'ignore';
      readonly reason: DhcpRefusal;
      /** The unknown client that was left without an address. */
      readonly newcomer?: Newcomer | undefined;
      readonly event: DhcpEvent;
    }
  /** In proxy mode: a message for another server. Counted, and reported only on request. */
  | {
      readonly kind: 'pass';
      readonly reason: DhcpRefusal;
      readonly claim?: AddressClaim | undefined;
      readonly event?: DhcpEvent | undefined;
    };

/** The sender of an unanswered message. */
interface Cause {
  readonly newcomer?: Newcomer | undefined;
  /** The client's classes, as far as they matter to the refusal. */
  readonly classes?: string | undefined;
}

/** Leaves a new client without a reply, because too many come from its place. */
export const ignoreNewcomer = (inquiry: Inquiry, newcomer: Newcomer, address: Ipv4): DhcpDecision =>
  ignore(inquiry, 'too-many-new-clients', address, { newcomer });

/** Leaves a message without a reply. */
export function ignore(inquiry: Inquiry, reason: DhcpRefusal, address?: Ipv4, because: Cause = {}): DhcpDecision {
  const { newcomer, classes } = because;
  const event = { ...eventOf(inquiry, 'dhcp.refused'), address, reason, classes };
  return { kind: 'ignore', reason, newcomer, event };
}
