// Bounds what the kernel keeps of an answer that its reader does not take. Sources: tcp(7), linux/tcp.h (TCP_NOTSENT_LOWAT).
//
// 1. Without the bound the kernel keeps up to tcp_wmem (4 MiB) for each connection. A thousand clients that ask for a kernel and read
//    nothing fill the memory for TCP of the whole host (tcp_mem): it then ends other connections without a word.
// 2. The option belongs to a listener, and each connection inherits it. What was sent and not acknowledged does not count, so the
//    speed of a download stays what it is.
// 3. Where the option cannot be set, everything goes on without it.

import type { Server } from 'node:net';

/** What the kernel takes of an answer beyond what it may send now, in bytes. */
export const UNSENT_BYTES_MAX = 256 * 1024;

const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;

/** The file descriptor of a server that listens; undefined: it has none. node:net keeps it to itself. */
function descriptorOf(server: Server): number | undefined {
  const handle: unknown = Reflect.get(server, '_handle');
  const fd = typeof handle === 'object' && handle !== null && 'fd' in handle ? handle.fd : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/** Bounds the connections that a listening server takes from now on. @returns false: this host cannot */
export async function boundUnsentBytes(server: Server): Promise<boolean> {
  const fd = descriptorOf(server);
  if (process.platform !== 'linux' || fd === undefined) return false;
  try {
    // Imported only here, so that a host without the koffi package still runs.
    const libc = (await import('./libc.ts')).loadLibc();
    const value = new Uint8Array(Uint32Array.of(UNSENT_BYTES_MAX).buffer);
    return libc.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, value, value.length) === 0;
  } catch {
    return false;
  }
}
