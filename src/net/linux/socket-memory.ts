// Reads a socket's memory use from the kernel. Source: SO_MEMINFO (sock_diag(7): the `SK_MEMINFO_…` numbers).

import type { Libc } from './libc.ts';
import {
  encodeInt,
  MEMINFO_BYTES,
  MEMINFO_DROPS_OFFSET,
  MEMINFO_RECEIVE_BUFFER_OFFSET,
  MEMINFO_SEND_BUFFER_OFFSET,
  MEMINFO_SEND_USED_OFFSET,
  readInt,
  SO_MEMINFO,
  SOL_SOCKET,
} from './wire-structs.ts';

/** Sizes in bytes of the kernel's count, which is more than the payload. */
export interface SocketMemory {
  readonly receiveBufferBytes: number;
  /** The used part of the send buffer. */
  readonly usedBytes: number;
  /** The size of the send buffer. */
  readonly bufferBytes: number;
  /** Datagrams dropped because the receive buffer was full. */
  readonly drops: number;
}

/** Reads a socket's memory use; `undefined` if the kernel does not report it. */
export function readSocketMemory(libc: Libc, fd: number): SocketMemory | undefined {
  const info = new Uint8Array(MEMINFO_BYTES);
  const length = encodeInt(MEMINFO_BYTES);
  if (libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, length) !== 0) return undefined;
  const readCounter = (offset: number): number => readInt(info, offset) >>> 0;
  return {
    receiveBufferBytes: readCounter(MEMINFO_RECEIVE_BUFFER_OFFSET),
    usedBytes: readCounter(MEMINFO_SEND_USED_OFFSET),
    bufferBytes: readCounter(MEMINFO_SEND_BUFFER_OFFSET),
    drops: readCounter(MEMINFO_DROPS_OFFSET),
  };
}
