// The log: one line for each event, its kind as `event`. Pretty on a terminal, JSON elsewhere.

import { createRequire } from 'node:module';
import { destination, type Logger, pino } from 'pino';
import { errorText, RackError } from '../errors.ts';
import type { EventLevel } from '../event.ts';
import type { EventStream } from './event-stream.ts';
import { type EventKinds, eventFields } from './event-text.ts';

const PINO_LEVELS: Readonly<Record<EventLevel, 'debug' | 'info' | 'warn' | 'error'>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

export interface LogSettings {
  readonly level: EventLevel;
  /** Undefined: standard output. */
  readonly file: string | undefined;
}

/** Opens the log. @throws RackError `store-unwritable` when the log file cannot be opened. */
export function openLog(settings: LogSettings): Logger {
  const options = { level: PINO_LEVELS[settings.level], base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (settings.file === undefined && process.stdout.isTTY) {
    // Loaded only here: a service, whose log is no terminal, need not carry it.
    const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
    return pino(
      options,
      pretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' }),
    );
  }
  try {
    return pino(options, destination({ dest: settings.file ?? 1, sync: true, mkdir: true }));
  } catch (error) {
    throw new RackError('store-unwritable', `cannot write the log ${settings.file}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

export function setLogLevel(log: Logger, level: EventLevel): void {
  log.level = PINO_LEVELS[level];
}

/** Writes every event of the stream to the log from now on. */
export function logEvents(log: Logger, stream: EventStream, kinds: EventKinds): void {
  const cursor = stream.subscribe(() => {
    const { events, missed } = cursor.drain();
    if (missed > 0) log.warn({ event: 'log.gap', missed }, 'events came faster than the log could take them');
    for (const event of events) {
      const kind = kinds.get(event.kind);
      const level = PINO_LEVELS[kind?.level ?? 'info'];
      if (!log.isLevelEnabled(level)) continue;
      log[level]({ event: event.kind, ...eventFields(event) }, kind?.message ?? event.kind);
    }
  });
}
