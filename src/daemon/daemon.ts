// The entry point of the daemon. It begins the slow steps first, and loads all other modules meanwhile.
//
//   configuration ─ lock ─ threads of journal and interfaces start ∥ `rack-process.ts` and its rooms load ─ start ─ announce
//
// 1. A failed start closes everything it opened and throws one RackError: nothing is half-started.

import type { Daemon, DaemonOptions } from './service.ts';
import { beginStart, giveUpStart } from './start/begin-start.ts';

/** Starts the rack and resolves when it answers requests. @throws RackError */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const startedAt = options.clock.now();
  const begunStart = await beginStart(options);
  try {
    // This loads most of the daemon's modules, and takes as long as the threads take to start.
    const { startRackProcess } = await import('./rack-process.ts');
    return await startRackProcess(options, begunStart, startedAt);
  } catch (error) {
    await giveUpStart(begunStart);
    throw error;
  }
}
