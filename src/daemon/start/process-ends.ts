// How a rack's process and a region's start and end.
//
// 1. A failed start closes everything it opened: nothing is half-started.

import type { Logger } from 'pino';
import type { Instant } from '../../clock.ts';
import { errorText } from '../../errors.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import type { ServiceNotices } from './service-notices.ts';

interface Startable {
  start(): Promise<void>;
  close(): Promise<void>;
  /** Announces that it answers. */
  announce(startedAt: Instant): void;
}

/** @throws RackError after everything was closed again */
export async function startWhole<Process extends Startable>(process: Process, startedAt: Instant): Promise<Process> {
  try {
    await process.start();
  } catch (error) {
    await process.close();
    throw error;
  }
  process.announce(startedAt);
  return process;
}

/** The parts that report the end. */
interface LastParts {
  readonly logger: Logger;
  readonly notices: ServiceNotices;
  readonly stream: EventStream;
}

/** Closes everything that was opened, last first. @param opened functions that close it, in order of opening */
export async function closeAll(
  opened: (() => Promise<void> | void)[],
  { logger, notices, stream }: LastParts,
  onClosed: () => void = () => undefined,
): Promise<void> {
  for (const close of opened.reverse()) {
    try {
      await close();
    } catch (error) {
      logger.warn({ event: 'daemon.close-failed' }, errorText(error));
    }
  }
  onClosed();
  notices.close();
  // The log writes the last events in later turns of the event loop.
  await stream.rest();
  await new Promise<void>((resolve) => logger.flush(() => resolve()));
}
