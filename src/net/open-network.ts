// Chooses, once at start, how datagrams are sent and received on this host, and says why.
//
// 1. The native way is taken wherever it works; nothing but a missing library or another system leads to the portable one.

import { endianness } from 'node:os';
import { errorText } from '../errors.ts';
import type { HostNetwork } from './datagram.ts';
import { openDgramNetwork } from './udp-dgram.ts';

export interface NetworkOptions {
  /** False: Node's own sockets, even where native calls work. */
  readonly native?: boolean;
  /** The send buffer to ask for, in bytes; left out: as large as is useful. The system's own default is 212 992. */
  readonly sendBufferBytes?: number | undefined;
}

/** Processors whose structure layouts are known to be those of `wire-structs.ts`. */
const NATIVE_PROCESSORS: ReadonlySet<string> = new Set(['x64', 'arm64']);

/** The datagram network of this host; `native: false` asks for the portable one everywhere. Never fails. */
export async function openNetwork(options: NetworkOptions = {}): Promise<HostNetwork> {
  const { sendBufferBytes } = options;
  if (options.native === false)
    return openDgramNetwork('Sockets are the portable ones, because the configuration asks for them.', sendBufferBytes);
  if (process.platform !== 'linux' || !NATIVE_PROCESSORS.has(process.arch) || endianness() !== 'LE') {
    return openDgramNetwork(
      `Sockets are the portable ones: there are native calls only for Linux on x64 and arm64, not for ${process.platform} on ${process.arch}.`,
      sendBufferBytes,
    );
  }
  try {
    // Imported only here, so that a host without the koffi package still runs.
    const { openLinuxNetwork } = await import('./udp-linux.ts');
    return openLinuxNetwork(sendBufferBytes);
  } catch (error) {
    return openDgramNetwork(
      `Sockets are the portable ones, because the C library cannot be called (${errorText(error)}).`,
      sendBufferBytes,
    );
  }
}
