// The port for sending and receiving datagrams. Its implementations are `udp-dgram.ts` (Node's own sockets, everywhere) and
// `udp-linux.ts` (recvmmsg and sendmmsg on Linux), chosen once at start. Other rooms use only this port.
//
// 1. Datagrams arrive in arrays of at most RECEIVE_BATCH_MAX, as the kernel had queued them.
// 2. `bytes` of a received datagram is borrowed until the handler returns (borrowed-bytes.ts): copy what must live longer.
// 3. `send` never throws and never blocks; datagrams that the kernel refuses are counted and reported to `onSendError`.
// 4. When `send` or `sendSegments` returns, the caller owns its bytes again.

import type { Ipv4, MacAddress } from '../address.ts';
import type { BorrowedBytes } from '../borrowed-bytes.ts';
import type { HostInterface } from '../host-interface.ts';
import type { HostNote } from '../host-note.ts';
import type { FrameTap, TapRequest } from './frame-tap.ts';

/** The most datagrams delivered in one call. */
export const RECEIVE_BATCH_MAX = 64;

/** The destination of a datagram; a value, so that choosing it can be tested. */
export type Destination =
  | { readonly kind: 'unicast'; readonly address: Ipv4; readonly port: number }
  /** A client without an address, which answers no ARP: sent to its hardware address if the host allows it, otherwise broadcast. */
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
  /** From a device socket: the source to use instead of the socket's own; an address of the device. */
  readonly source?: Ipv4 | undefined;
}

/** A socket's counters since it was opened. */
export interface SocketCounters {
  readonly received: number;
  readonly sent: number;
  /** Datagrams that the kernel refused to send. */
  readonly sendErrors: number;
  /** Datagrams that the kernel dropped because the receive buffer was full; undefined if the system does not report it. */
  readonly receiveDrops: number | undefined;
  /** The size of the receive buffer as the kernel counts it, in bytes; undefined if the system does not report it. */
  readonly receiveBufferBytes?: number | undefined;
  /** The size of the send buffer as the kernel counts it, in bytes; undefined if the system does not report it. */
  readonly sendBufferBytes?: number | undefined;
}

/** An open socket. */
export interface DatagramSocket {
  /** The device the socket is bound to; undefined for a socket bound to an address. */
  readonly interfaceName: string | undefined;
  /** The bound local address; 0.0.0.0 for a device socket. */
  readonly localAddress: Ipv4;
  readonly localPort: number;
  /** Sends in order; if the send buffer is full, the rest is dropped and counted. */
  send(datagrams: readonly OutgoingDatagram[]): void;
  /**
   * Sends `payload` to one peer as datagrams of `segmentBytes` each, the last one shorter: in one system call if the kernel
   * segments (UDP_SEGMENT), otherwise one datagram at a time. `payload` is at most 65,507 bytes and 64 segments.
   */
  sendSegments(payload: Uint8Array, segmentBytes: number, to: Ipv4, port: number): void;
  counters(): SocketCounters;
  close(): void;
}

export type DatagramHandler = (datagrams: readonly ReceivedDatagram[], socket: DatagramSocket) => void;

/** The remote end of a connected socket. */
export interface Peer {
  readonly address: Ipv4;
  readonly port: number;
}

/** The error codes that a connected socket reports after an ICMP error that RFC 1122 §3.2.2.1 calls hard. */
export const PEER_UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOPROTOOPT',
]);

/** The options of a socket. */
export interface SocketRequest {
  readonly address: Ipv4;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Bind to this device: only its broadcasts arrive, and replies leave by it. */
  readonly device?: string;
  /** The source address of replies from a device socket and of datagrams to `hardware` destinations. */
  readonly source?: Ipv4;
  /** Allow sending to broadcast addresses. */
  readonly broadcast?: boolean;
  /** Bind even if the address is not (yet) one of this host. */
  readonly freebind?: boolean;
  /** The port belongs to a set that this process opens together: a device socket and its address sockets. */
  readonly shared?: boolean;
  /**
   * Connect the socket to this peer alone (udp(7)). Datagrams from other hosts never arrive; the kernel answers them as if the port were closed,
   * so that strangers cannot find out which ports are in use.
   */
  readonly peer?: Peer;
  readonly onDatagrams: DatagramHandler;
  readonly onSendError?: (code: string, to: Destination) => void;
  /** Called with the system's code (`ENETDOWN` …) of a receive error; the socket stays open. */
  readonly onReceiveError?: (code: string) => void;
  /**
   * With `peer`: called when the peer's host, or a router before it, reported by ICMP that the peer is unreachable (RFC 1122 §4.1.3.3).
   * The kernel believes a report only if it quotes a datagram of this socket to this peer. Transient errors are not reported.
   */
  readonly onPeerUnreachable?: (socket: DatagramSocket) => void;
}

/** Opens sockets. `kind` and `notes` are for the log and `status`. */
export interface DatagramNetwork {
  readonly kind: 'linux' | 'dgram';
  /** Missing features of this host. */
  readonly notes: readonly HostNote[];
  /** Datagrams received by all of its sockets; undefined if not counted. */
  readonly received?: number | undefined;
  /**
   * Opens one socket. Open the device sockets of a shared port before its address sockets: only then is another server on
   * the device always detected.
   *
   * @throws RackError `address-in-use`, `permission-denied`, `address-not-here`, `interface-missing`, `socket-refused`;
   * `native-unavailable` for a second device on one port if sockets cannot be bound to devices.
   */
  open(request: SocketRequest): Promise<DatagramSocket>;
  /** Opens a tap on a device (`frame-tap.ts`). If it is missing or returns undefined, taps are not possible here. The caller must close it. */
  tap?(request: TapRequest): FrameTap | undefined;
  /** Closes every open socket. */
  close(): Promise<void>;
}

/** A network whose sockets follow interfaces as they come, go and return. */
export interface HostNetwork extends DatagramNetwork {
  /**
   * Call it with every new list of interfaces. If a device was deleted and created again under its name, the sockets bound to it
   * receive nothing any more; this binds them again.
   */
  interfacesChanged(interfaces: readonly HostInterface[]): void;
}
