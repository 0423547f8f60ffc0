// Where a reply goes (RFC 2131 §4.1).
//
// 1. A NAK on the wire is always broadcast: the client may have no usable address.
// 2. A relayed client's reply goes to its relay, on the server port, as checked by `relays.ts`.
// 3. A reply goes to `ciaddr` only inside the served network: a forged one cannot direct it elsewhere.

import { ANY, type Ipv4, type Ipv4Network, macFromBytes, networkContains } from '../../ground/address.ts';
import type { Destination } from '../../net/datagrams/datagram.ts';
import { BROADCAST_FLAG, type DhcpMessage } from './message.ts';

/** 67 and 68, others for a rack without privileges. */
export interface DhcpPorts {
  readonly serverPort: number;
  readonly clientPort: number;
}

/**
 * Chooses a reply's destination.
 * @param request the message to reply to
 * @param kind `nak`, or `settings` (OFFER and ACK)
 * @param yiaddr 0.0.0.0 in the answer to an INFORM
 * @param network undefined: any `ciaddr` gets its reply
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
