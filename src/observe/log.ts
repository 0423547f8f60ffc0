// The log: one line for each event, its kind as `event`. Pretty on a terminal, JSON elsewhere.

import { createRequire } from 'node:module';
import { destination, type Logger, type LoggerOptions, pino } from 'pino';
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

/** Text that waits for a disk that refuses; further lines are lost and counted. */
const WAITING_BYTES_MAX = 1024 * 1024;

export interface LogSettings {
  readonly level: EventLevel;
  /** Undefined: standard output. */
  readonly file: string | undefined;
}

/** An open log. */
export interface Log {
  readonly logger: Logger;
  /** Opens the file by its name again, after it was moved away; a log without a file goes on as it is. */
  reopen(): void;
}

/** Opens the log. @throws RackError `store-unwritable` when the log file cannot be opened. */
export function openLog(settings: LogSettings): Log {
  const options = { level: PINO_LEVELS[settings.level], base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (settings.file === undefined && process.stdout.isTTY) {
    // Loaded only here: a service, whose log is no terminal, need not carry it.
    const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
    const terminal = pretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' });
    return { logger: pino(options, terminal), reopen: () => undefined };
  }
  try {
    return openFileLog(settings.file, options);
  } catch (error) {
    throw new RackError('store-unwritable', `cannot write the log ${settings.file}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** A log in a file, or on standard output. A full disk costs lines, which are counted, and never the process. */
function openFileLog(file: string | undefined, options: LoggerOptions): Log {
  const stream = destination({ dest: file ?? 1, sync: true, mkdir: true, maxLength: WAITING_BYTES_MAX });
  const logger = pino(options, stream);
  let failing = false;
  let missed = 0;
  const complain = (error: unknown): void => {
    if (failing) return;
    failing = true;
    const name = file ?? 'standard output';
    console.error(
      `rackboot: the log ${name} cannot be written: ${errorText(error)}; make room, then lines follow again`,
    );
  };
  stream.on('error', complain);
  stream.on('drop', () => {
    missed += 1;
  });
  stream.on('write', () => {
    failing = false;
    if (missed === 0) return;
    const count = missed;
    missed = 0;
    setImmediate(() => logger.warn({ event: 'log.gap', missed: count }, 'lines that could not be written are lost'));
  });
  const reopen = (): void => {
    if (file === undefined) return;
    try {
      stream.reopen();
    } catch (error) {
      complain(error);
    }
  };
  return { logger, reopen };
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
