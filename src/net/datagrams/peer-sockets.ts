// The port for sockets that are each connected to one peer (udp(7)): datagrams from other hosts
// never arrive, and the kernel answers them as if the port were closed, so strangers cannot find
// the ports in use. Implemented by `peer-epoll.ts`, for a thread of its own.
//
// 1. `send` never throws and never blocks. It may call the listener, which may close the socket.
// 2. A closed socket calls its listener no more.
// 3. Received bytes are borrowed until `onDatagram` returns.

import type { Ipv4 } from '../../ground/address.ts';
import type { BorrowedBytes } from '../../ground/borrowed-bytes.ts';

export interface PeerRequest {
  readonly local: Ipv4;
  readonly peer: Ipv4;
  readonly port: number;
  /** A local port that the socket must not get. */
  readonly avoidedPort: number | undefined;
}

export interface PeerListener {
  /** The datagram is the first `length` bytes. */
  readonly onDatagram: (bytes: BorrowedBytes, length: number) => void;
  /**
   * A datagram of the peer's host from another of its ports: its first `length` bytes.
   * @returns the answer to that port
   */
  readonly onStray: (bytes: BorrowedBytes, length: number) => Uint8Array | undefined;
  /**
   * ICMP reports the peer unreachable (RFC 1122 §4.1.3.3). The kernel believes only reports that
   * quote a datagram of this socket.
   */
  readonly onUnreachable: () => void;
  /** The system refused so many datagrams, or the whole socket. */
  readonly onRefused: (datagrams: number) => void;
  /** The socket could not be opened. */
  readonly onFailure: (error: unknown) => void;
}

/** Memory from which sockets send. */
export interface SendMemory {
  readonly bytes: Uint8Array;
  /** The memory's address, for the kernel. */
  readonly address: number;
}

export interface PeerSocket {
  /** 0 until the socket is open. */
  readonly localPort: number;
  /**
   * Sends `length` bytes from `start` as datagrams of `segmentBytes`, the last one shorter: at most
   * 65,507 bytes and 64 datagrams.
   */
  send(memory: SendMemory, start: number, length: number, segmentBytes: number): void;
  close(): void;
}

export interface PeerSockets {
  allocate(bytes: number): SendMemory;
  open(request: PeerRequest, listener: PeerListener): PeerSocket;
}
