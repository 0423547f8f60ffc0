// The end of a process: at once if its start fails, otherwise gracefully. Work in progress is
// finished before anything is closed.
//
//   stopping ─ begin no new transfers ─ finish those under way ─ cut them after STOP_GRACE_MS ─ send ACKs that wait for the disk ─ close everything
//
// 1. The region and the journal stay open meanwhile: a machine that finishes can still report, and
//    its events are kept.
// 2. Safety does not depend on this: every acknowledged lease is already on disk.

import type { Logger } from 'pino';
import { type Clock, type Instant, repeat } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { errorText } from '../../ground/errors.ts';
import type { Publish } from '../../ground/event.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import type { Rack } from '../rack/rack.ts';
import type { ServiceNotices } from './service-notices.ts';

/** How long replies and transfers may continue after the process was asked to end. */
const STOP_GRACE_MS = 10_000;
/** How often the service manager's status line is updated with the remaining work. */
const PROGRESS_MS = 500;

interface ShutdownDeps {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly notices: ServiceNotices;
}

/** Finishes work in progress. @returns the number of transfers that were cut */
export async function finishWork(
  rack: Pick<Rack, 'drain' | 'transfers' | 'dhcp'>,
  deps: ShutdownDeps,
): Promise<number> {
  const { clock, notices } = deps;
  const countRemaining = () => ({ replies: rack.dhcp.waiting, transfers: rack.transfers });
  const initialWork = countRemaining();
  if (initialWork.replies + initialWork.transfers > 0) {
    const event: DaemonEvent = { kind: 'daemon.finishing', at: clock.now(), ...initialWork, graceMs: STOP_GRACE_MS };
    deps.publish(event);
  }
  let unfinishedCount = initialWork.transfers;
  const reportProgress = (): void => {
    const { replies, transfers } = countRemaining();
    unfinishedCount = transfers;
    notices.reportStopping(
      `stopping: finishing ${counted(replies, 'reply', 'replies')} and ${counted(transfers, 'transfer')}`,
    );
  };
  reportProgress();
  const progressTimer = repeat(clock, PROGRESS_MS, reportProgress);
  const startedAt = clock.now();
  await rack.drain(STOP_GRACE_MS);
  progressTimer.cancel();
  notices.reportStopping('stopping: delivering events and closing databases');
  // The transfers that were unfinished when the grace period ended have been cut.
  return clock.now() - startedAt >= STOP_GRACE_MS ? unfinishedCount : 0;
}

interface Startable {
  start(): Promise<void>;
  close(): Promise<void>;
  announce(startedAt: Instant): void;
}

/** @throws RackError after everything was closed again */
export async function startProcess<Process extends Startable>(process: Process, startedAt: Instant): Promise<Process> {
  try {
    await process.start();
  } catch (error) {
    await process.close();
    throw error;
  }
  process.announce(startedAt);
  return process;
}

interface ExitDeps {
  readonly logger: Logger;
  readonly notices: ServiceNotices;
  readonly stream: EventStream;
}

/**
 * Closes everything that was opened, last first.
 * @param closers functions that close it, in order of opening
 */
export async function closeAll(
  closers: (() => Promise<void> | void)[],
  { logger, notices, stream }: ExitDeps,
  onClosed: () => void = () => undefined,
): Promise<void> {
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      logger.warn({ event: 'daemon.close-failed' }, errorText(error));
    }
  }
  onClosed();
  notices.close();
  // The log writes the last events in later turns of the event loop.
  await stream.waitUntilDrained();
  await new Promise<void>((resolve) => logger.flush(() => resolve()));
}
