// Chooses once at start how this host sends and receives datagrams, and notes the reason.
//
// 1. Native calls are used wherever they work; only a missing library or another system leads to the portable sockets.

import { endianness } from 'node:os';
import { errorText } from '../../errors.ts';
import type { HostNote } from '../host-note.ts';
import type { HostNetwork } from './datagram.ts';

interface NetworkOptions {
  /** False: use Node's own sockets even if native calls work. Only tests set it, to see on Linux what hosts of other systems get. */
  readonly native?: boolean;
  /**
   * The send buffer to request, in bytes; default: as large as is useful. The system's own default is 212 992. Only tests set it, to see what a
   * host that allows no more gets.
   */
  readonly sendBufferBytes?: number | undefined;
}

/** Processors whose structure layouts match `wire-structs.ts`. */
const NATIVE_PROCESSORS: ReadonlySet<string> = new Set(['x64', 'arm64']);

/** The datagram network of this host; `native: false` always gives the portable one. Never fails. */
export async function openNetwork(options: NetworkOptions = {}): Promise<HostNetwork> {
  const { sendBufferBytes } = options;
  if (options.native === false) return openPortable({ note: 'sockets-chosen' }, sendBufferBytes);
  if (process.platform !== 'linux' || !NATIVE_PROCESSORS.has(process.arch) || endianness() !== 'LE') {
    return openPortable(
      { note: 'sockets-of-system', system: process.platform, processor: process.arch },
      sendBufferBytes,
    );
  }
  try {
    // Imported only here, so that a host without the koffi package still runs.
    const { openLinuxNetwork } = await import('./udp-linux.ts');
    return openLinuxNetwork(sendBufferBytes);
  } catch (error) {
    return openPortable({ note: 'sockets-without-libc', reason: errorText(error) }, sendBufferBytes);
  }
}

/** Imported only here: most hosts do not need it. */
async function openPortable(reason: HostNote, sendBufferBytes: number | undefined): Promise<HostNetwork> {
  const { openDgramNetwork } = await import('./udp-dgram.ts');
  return openDgramNetwork(reason, sendBufferBytes);
}
