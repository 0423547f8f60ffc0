// The port for sending and receiving datagrams. Implemented by `udp-linux.ts` (recvmmsg and sendmmsg).
//
// 1. Datagrams arrive in arrays of at most RECEIVE_BATCH_MAX, as the kernel had queued them.
// 2. `bytes` of a received datagram is borrowed until the handler returns (borrowed-bytes.ts).
// 3. `send` never throws and never blocks; datagrams that the kernel refuses are counted and
//    reported to `onSendError`.
// 4. When `send` returns, the caller owns its bytes again.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { BorrowedBytes } from '../../ground/borrowed-bytes.ts';
import type { HostInterface } from '../host-interface.ts';
import type { HostNote } from '../host-note.ts';
import type { FrameTap, TapRequest } from './frame-tap.ts';

/** The most datagrams delivered in one call. */
export const RECEIVE_BATCH_MAX = 64;

export type Destination =
  | { readonly kind: 'unicast'; readonly address: Ipv4; readonly port: number }
  /**
   * A client without an address, which answers no ARP: sent to its hardware address if the host
   * allows it, otherwise broadcast.
   */
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
  /**
   * The source address of this datagram from a device socket, instead of the socket's own; an
   * address of the device.
   */
  readonly source?: Ipv4 | undefined;
}

export interface SocketCounters {
  readonly received: number;
  readonly sent: number;
  /** Datagrams that the kernel refused to send. */
  readonly sendErrors: number;
  /**
   * Datagrams that the kernel dropped because the receive buffer was full; `undefined` if the
   * system does not report it.
   */
  readonly receiveDrops: number | undefined;
  /**
   * The receive buffer's size as the kernel counts it, in bytes; `undefined` if the system does not
   * report it.
   */
  readonly receiveBufferBytes?: number | undefined;
  /** The send buffer's size, likewise. */
  readonly sendBufferBytes?: number | undefined;
}

/** An open socket. */
export interface DatagramSocket {
  /** The device the socket is bound to; `undefined` for a socket bound to an address. */
  readonly interfaceName: string | undefined;
  /** The bound local address; 0.0.0.0 for a device socket. */
  readonly localAddress: Ipv4;
  readonly localPort: number;
  /** Sends in order; if the send buffer is full, the rest is dropped and counted. */
  send(datagrams: readonly OutgoingDatagram[]): void;
  counters(): SocketCounters;
  close(): void;
}

export type DatagramHandler = (datagrams: readonly ReceivedDatagram[], socket: DatagramSocket) => void;

export interface SocketRequest {
  readonly address: Ipv4;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Bind to this device: only its broadcasts arrive, and replies leave by it. */
  readonly device?: string;
  /** The source address of replies from a device socket and of datagrams to `hardware` destinations. */
  readonly source?: Ipv4;
  readonly broadcast?: boolean;
  /** Bind even if the address is not (yet) one of this host. */
  readonly freebind?: boolean;
  /** The port belongs to a set that this process opens together: a device socket and its address sockets. */
  readonly shared?: boolean;
  readonly onDatagrams: DatagramHandler;
  readonly onSendError?: (code: string, destination: Destination) => void;
  /** Called with the system's code (`ENETDOWN` …); the socket stays open. */
  readonly onReceiveError?: (code: string) => void;
}

export interface DatagramNetwork {
  /**
   * Opens one socket. Open the device sockets of a shared port before its address sockets: only
   * then is another server on the device always detected.
   *
   * @throws RackError `address-in-use`, `permission-denied`, `address-not-here`,
   * `interface-missing`, `socket-refused`
   */
  open(request: SocketRequest): Promise<DatagramSocket>;
  close(): Promise<void>;
}

/** The network of this host. Its sockets follow interfaces as they come, go and return. */
export interface HostNetwork extends DatagramNetwork {
  /** For the log and `status`. */
  readonly notes: readonly HostNote[];
  /** Datagrams received by all of its sockets. */
  readonly received: number;
  /** False if the kernel already waits for as many absent hosts as it may (`absent-hosts.ts`). */
  mayReach(address: Ipv4): boolean;
  /** Opens a tap on a device (`frame-tap.ts`), which the caller closes; `undefined` without the privilege. */
  tap(request: TapRequest): FrameTap | undefined;
  /**
   * To be called with every new list of interfaces: binds sockets again whose device was deleted
   * and created under the same name.
   */
  interfacesChanged(interfaces: readonly HostInterface[]): void;
}
