// The decision on a message: a value that the server carries out.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { Destination } from '../../net/datagrams/datagram.ts';
import type { DhcpEvent } from '../events/events.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import type { Lease } from '../leases/lease.ts';
import type { Introduction } from '../leases/offers.ts';
import type { NewClient } from '../limits/new-clients.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { DhcpMessage } from '../wire/message.ts';
import type { Inquiry } from './inquiry.ts';
import { composeDhcpEvent } from './terms.ts';

/** Held until the client decides or a probe has ended. */
export interface OfferedAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly client: ClientIdentity;
  /** Probe first whether a host uses it without a lease. */
  readonly probe: boolean;
  readonly isFixed: boolean;
}

/** An address a client took from another DHCP server. */
export interface AddressClaim {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly at: Instant;
}

interface DeclinedOffer {
  readonly by: MacAddress;
  readonly client: ClientIdentity;
  readonly sharedNetwork: readonly ServedSubnet[];
}

export type DhcpDecision =
  | {
      readonly kind: 'reply';
      readonly message: DhcpMessage;
      readonly destination: Destination;
      /** The reply leaves by its interface. */
      readonly served: ServedSubnet;
      /** The client's shared network, including that one. */
      readonly sharedNetwork: readonly ServedSubnet[];
      /** The reply leaves only after these are durable; without any at once, unless `restsOn`. */
      readonly records: readonly Lease[];
      /** For an ACK that writes nothing: the existing record, which must be durable first. */
      readonly restsOn?: Lease | undefined;
      /** The client asks again for what it just got. */
      readonly isRepeat?: boolean | undefined;
      /** The client, if new. */
      readonly newClient?: NewClient | undefined;
      /**
       * For an OFFER: the address to hold. For an ACK: the address to probe first, and then to
       * decide again.
       */
      readonly offer?: OfferedAddress | undefined;
      /** For an OFFER: what its REQUEST may leave out. */
      readonly introduction?: Introduction | undefined;
      /** In proxy mode: the client's address. */
      readonly claim?: AddressClaim | undefined;
      readonly event: DhcpEvent;
    }
  | {
      readonly kind: 'record';
      readonly records: readonly Lease[];
      /** The client gives back what it just got. */
      readonly isRepeat?: boolean | undefined;
      /** The client that found its address in use; its offers there end. */
      readonly declined?: DeclinedOffer | undefined;
      readonly event: DhcpEvent;
    }
  | {
      readonly kind: 'ignore';
      readonly reason: DhcpRefusal;
      /** The new client left without an address. */
      readonly newClient?: NewClient | undefined;
      readonly event: DhcpEvent;
    }
  /** In proxy mode: a message for another server. Counted, and reported only on request. */
  | {
      readonly kind: 'pass';
      readonly reason: DhcpRefusal;
      readonly claim?: AddressClaim | undefined;
      readonly event?: DhcpEvent | undefined;
    };

interface Cause {
  readonly newClient?: NewClient | undefined;
  /** The client's classes, if they matter to the refusal. */
  readonly classes?: string | undefined;
}

export const ignoreNewClient = (inquiry: Inquiry, newClient: NewClient, address: Ipv4): DhcpDecision =>
  ignore(inquiry, 'too-many-new-clients', address, { newClient });

export function ignore(inquiry: Inquiry, reason: DhcpRefusal, address?: Ipv4, because: Cause = {}): DhcpDecision {
  const { newClient, classes } = because;
  const event = { ...composeDhcpEvent(inquiry, 'dhcp.refused'), address, reason, classes };
  return { kind: 'ignore', reason, newClient, event };
}
