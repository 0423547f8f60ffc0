// The first steps of a start: the configuration, the lock of the state directory, and the parts
// whose threads take time to start. It loads few modules, so that the threads start while the
// daemon's other modules load.

import type { Clock } from '../../ground/clock.ts';
import { openNetwork } from '../../net/datagrams/udp-linux.ts';
import { openInterfaceWatch } from '../../net/watch/interfaces.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { openLeaseJournal } from '../../store/leases/lease-journal.ts';
import { findLostLeases } from '../../store/leases/lease-mark.ts';
import { lockState } from '../../store/state-lock.ts';
import { readDesiredState } from '../../uplink/desired-state-cache.ts';
import { Configuration } from '../rack/configuration.ts';
import { ThreadWatch } from '../rack/threads.ts';
import { DamagedLeases } from './damaged-leases.ts';

type Close = () => Promise<void> | void;

/** A start that has begun. */
export interface BegunStart extends ReturnType<typeof beginOpening> {
  readonly configuration: Configuration;
  readonly damagedLeases: DamagedLeases;
  readonly lostLeases: RackNote | undefined;
}

/**
 * Resolves when the threads are starting.
 * @throws RackError if the configuration is invalid or the state directory is not free; then
 * nothing is open
 */
export async function beginStart(options: { readonly configFile: string; readonly clock: Clock }): Promise<BegunStart> {
  const { configFile, clock } = options;
  const configuration = new Configuration(
    configFile,
    (stateDir) => readDesiredState(stateDir, () => undefined).settings,
  );
  const { stateDir } = configuration.config;
  const lock = lockState(stateDir);
  const damagedLeases = new DamagedLeases(stateDir, clock);
  // This must run before the journal, which creates the file again.
  const lostLeases = findLostLeases(stateDir);
  const parts = beginOpening(stateDir, clock, damagedLeases);
  parts.opened.unshift(() => lock.release());
  return { configuration, damagedLeases, lostLeases, ...parts };
}

function beginOpening(stateDir: string, clock: Clock, damagedLeases: DamagedLeases) {
  const threads = new ThreadWatch();
  /** Functions that close what was opened, in order of opening; called in reverse. */
  const closers: Close[] = [() => threads.close()];
  const open = async <T>(opening: Promise<T>, close: (part: T) => ReturnType<Close>): Promise<T> => {
    const part = await opening;
    closers.push(() => close(part));
    return part;
  };
  const openingParts = [
    open(openLeaseJournal({ stateDir, clock, onDamage: damagedLeases.report }), ({ journal }) => journal.close()),
    open(openNetwork(), (network) => network.close()),
    open(openInterfaceWatch({ clock }), (watch) => watch.close()),
  ] as const;
  // The code that awaits a part handles its failure. Until then this handler prevents an unhandled rejection.
  for (const part of openingParts) part.catch(() => undefined);
  return { opened: closers, opening: openingParts, open, threads };
}

/** Closes what a failed start had opened, last first; closes nothing twice. */
export async function giveUpStart({ opened, opening }: Pick<BegunStart, 'opened' | 'opening'>): Promise<void> {
  await Promise.allSettled(opening);
  for (const close of opened.splice(0).reverse()) await close();
}
