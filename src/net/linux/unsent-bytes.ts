// Bounds how much of an unread answer the kernel keeps. Sources: tcp(7), linux/tcp.h (TCP_NOTSENT_LOWAT).
//
// 1. Without the bound the kernel keeps up to tcp_wmem (4 MiB) per connection. A thousand clients
//    that request a kernel image and read nothing fill the host's memory for TCP (tcp_mem); the
//    host then silently closes other connections.
// 2. The option is set on a listener, and each connection inherits it. Bytes sent but not
//    acknowledged do not count, so downloads do not slow down.

import type { Server } from 'node:net';
import { loadLibc } from './libc.ts';
import { encodeInt } from './wire-structs.ts';

/** The most unsent bytes of one answer that the kernel accepts. */
export const UNSENT_BYTES_MAX = 256 * 1024;

const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;

/** The file descriptor of a listening server, which node:net does not expose; `undefined` if it has none. */
function findServerDescriptor(server: Server): number | undefined {
  const handle: unknown = Reflect.get(server, '_handle');
  const fd = typeof handle === 'object' && handle !== null && 'fd' in handle ? handle.fd : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/**
 * Bounds a listening server's future connections.
 * @returns false if the kernel refuses
 * @throws as `loadLibc`
 */
export function boundUnsentBytes(server: Server): boolean {
  const fd = findServerDescriptor(server);
  const value = encodeInt(UNSENT_BYTES_MAX);
  return fd !== undefined && loadLibc().setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, value, value.length) === 0;
}
