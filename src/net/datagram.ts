// The port through which datagrams come and go. Implementations: `udp-dgram.ts` (Node's own sockets, everywhere) and
// `udp-linux.ts` (recvmmsg and sendmmsg on Linux), chosen once at start; the rooms above see only this.
//
// 1. Datagrams arrive in arrays, at most RECEIVE_BATCH_MAX each: what the kernel had queued.
// 2. `bytes` of a received datagram is borrowed until the handler returns (borrowed-bytes.ts): copy what must live longer.
// 3. `send` never throws and never blocks; what the kernel refuses is counted and told to `onSendError`.
// 4. What was handed to `send` or `sendSegments` is the caller's again when it returns.

import type { Ipv4, MacAddress } from './address.ts';
import type { BorrowedBytes } from './borrowed-bytes.ts';
import type { FrameTap, TapRequest } from './frame-tap.ts';
import type { HostInterface } from './host-interface.ts';

/** The most datagrams handed over in one call. */
export const RECEIVE_BATCH_MAX = 64;

/** Where a datagram goes. A value, so that choosing it can be tested. */
export type Destination =
  | { readonly kind: 'unicast'; readonly address: Ipv4; readonly port: number }
  /** A client that has no address yet and so answers no ARP: by hardware address where the host allows it, else by broadcast. */
  | { readonly kind: 'hardware'; readonly address: Ipv4; readonly mac: MacAddress; readonly port: number }
  | { readonly kind: 'broadcast'; readonly port: number };

export interface ReceivedDatagram {
  readonly bytes: BorrowedBytes;
  readonly from: Ipv4;
  readonly fromPort: number;
}

export interface OutgoingDatagram {
  readonly bytes: Uint8Array;
  readonly to: Destination;
  /** From a device socket: leave with this source, an address of the device, in place of the socket's own. */
  readonly source?: Ipv4 | undefined;
}

/** What a socket counted since it was opened. */
export interface SocketCounters {
  readonly received: number;
  readonly sent: number;
  /** Datagrams that the kernel refused to send. */
  readonly sendErrors: number;
  /** Datagrams that the kernel dropped because the receive buffer was full; undefined where the system does not say. */
  readonly receiveDrops: number | undefined;
  /** The size of the receive buffer as the kernel counts it, in bytes; undefined where the system does not say. */
  readonly receiveBufferBytes?: number | undefined;
  /** The same of the send buffer. */
  readonly sendBufferBytes?: number | undefined;
}

/** An open socket. */
export interface DatagramSocket {
  /** The device the socket is bound to; undefined for a socket bound to an address. */
  readonly interfaceName: string | undefined;
  /** The bound local address; 0.0.0.0 for a device socket. */
  readonly localAddress: Ipv4;
  readonly localPort: number;
  /** Sends in order; a full send buffer drops the rest and counts it. */
  send(datagrams: readonly OutgoingDatagram[]): void;
  /**
   * Sends `payload` to one peer as datagrams of `segmentBytes` each, the last one shorter. One system call where the kernel
   * segments (UDP_SEGMENT), else one datagram at a time. `payload` is at most 65,507 bytes and 64 segments.
   */
  sendSegments(payload: Uint8Array, segmentBytes: number, to: Ipv4, port: number): void;
  counters(): SocketCounters;
  close(): void;
}

export type DatagramHandler = (datagrams: readonly ReceivedDatagram[], socket: DatagramSocket) => void;

/** One end of a conversation. */
export interface Peer {
  readonly address: Ipv4;
  readonly port: number;
}

/** What receiving on a connected socket reports after an ICMP error that RFC 1122 §3.2.2.1 calls hard. */
export const PEER_UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOPROTOOPT',
]);

/** How a socket is to be opened. */
export interface SocketRequest {
  readonly address: Ipv4;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Bind to this device, so that only its broadcasts arrive and replies leave by it. */
  readonly device?: string;
  /** Source address of replies from a device socket, and what `hardware` destinations carry as source. */
  readonly source?: Ipv4;
  /** Allow sending to broadcast addresses. */
  readonly broadcast?: boolean;
  /** Bind although the address is not (yet) one of this host. */
  readonly freebind?: boolean;
  /** The port belongs to a set that this process opens together (a device socket and its address sockets). */
  readonly shared?: boolean;
  /**
   * The socket speaks with this peer alone: it is connected (udp(7)). What others send never arrives; the kernel answers them as if
   * nobody had opened the port, so that strangers cannot find out which ports are in use.
   */
  readonly peer?: Peer;
  readonly onDatagrams: DatagramHandler;
  readonly onSendError?: (code: string, to: Destination) => void;
  /** The system reported an error while receiving, by its code (`ENETDOWN` …); the socket stays open. */
  readonly onReceiveError?: (code: string) => void;
  /**
   * With `peer`: the peer's host, or a router before it, reported by ICMP that it takes nothing from this socket (RFC 1122 §4.1.3.3).
   * The kernel believes a report only if it quotes a datagram of this socket to this peer. Errors that may pass are not reported.
   */
  readonly onPeerUnreachable?: (socket: DatagramSocket) => void;
}

/** Opens sockets; `kind` and `notes` are for the log and `status`. */
export interface DatagramNetwork {
  readonly kind: 'linux' | 'dgram';
  /** What is missing here and what follows from it, one sentence each. */
  readonly notes: readonly string[];
  /** How many datagrams all its sockets have received; undefined: not counted. */
  readonly received?: number | undefined;
  /**
   * Opens one socket. Open the device sockets of a shared port before its address sockets: only so is a stranger on the
   * device always noticed.
   *
   * @throws RackError `address-in-use`, `permission-denied`, `address-not-here`, `interface-missing`, `socket-refused`;
   * `native-unavailable` for a second device on one port where sockets cannot be bound to devices.
   */
  open(request: SocketRequest): Promise<DatagramSocket>;
  /** Opens a tap on a device (`frame-tap.ts`); left out, or answering undefined: not possible here. The caller closes it. */
  tap?(request: TapRequest): FrameTap | undefined;
  /** Closes every socket that is still open. */
  close(): Promise<void>;
}

/** A network that is told when interfaces come, go and come again, so that its sockets follow. */
export interface HostNetwork extends DatagramNetwork {
  /**
   * To be called with every new state of the interfaces. A device that was deleted and created anew under its name leaves
   * the sockets bound to it deaf; they are bound again here.
   */
  interfacesChanged(interfaces: readonly HostInterface[]): void;
}
