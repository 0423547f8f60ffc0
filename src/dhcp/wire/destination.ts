// Where a reply goes (RFC 2131 §4.1).
//
// 1. A NAK to a client on the wire is always broadcast, because the client may have no usable address.
// 2. Every reply to a relayed client goes to its relay, on the server port. `relays.ts` has checked the relay before.
// 3. A reply goes to `ciaddr` only inside the served network, so a forged `ciaddr` cannot direct it elsewhere.

import { ANY, type Ipv4, type Ipv4Network, macFromBytes, networkContains } from '../../net/address.ts';
import type { Destination } from '../../net/datagrams/datagram.ts';
import { BROADCAST_FLAG, type DhcpMessage } from './message.ts';

/** The two DHCP ports: 67 and 68, others for a rack without privileges. */
export interface DhcpPorts {
  readonly serverPort: number;
  readonly clientPort: number;
}

/**
 * Chooses the destination of a reply.
 *
 * @param request the message to reply to
 * @param kind `nak`, or `settings` (OFFER and ACK)
 * @param yiaddr the address given; 0.0.0.0 in the answer to an INFORM
 * @param network the network of the reply; undefined: any `ciaddr` gets its reply
 */
export function chooseDestination(
  request: DhcpMessage,
  kind: 'settings' | 'nak',
  yiaddr: Ipv4,
  ports: DhcpPorts,
  network?: Ipv4Network | undefined,
): Destination {
  if (request.giaddr !== ANY) return { kind: 'unicast', address: request.giaddr, port: ports.serverPort };
  if (kind === 'nak') return { kind: 'broadcast', port: ports.clientPort };
  const isNear = network === undefined || networkContains(network, request.ciaddr);
  if (request.ciaddr !== ANY && isNear) return { kind: 'unicast', address: request.ciaddr, port: ports.clientPort };
  if ((request.flags & BROADCAST_FLAG) !== 0 || yiaddr === ANY) return { kind: 'broadcast', port: ports.clientPort };
  return { kind: 'hardware', address: yiaddr, mac: macFromBytes(request.chaddr), port: ports.clientPort };
}
