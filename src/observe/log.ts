// The log: one line per event, with its kind as `event`. Lines for people on a terminal and in the
// journal, which there have priorities, JSON elsewhere; `log.format` chooses one for all.

import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import { z } from 'zod';
import { cleanJson, cleanLines, cleanText } from '../ground/clean-text.ts';
import { counted } from '../ground/counted.ts';
import { errorText, RackError } from '../ground/errors.ts';
import type { EventLevel } from '../ground/event.ts';
import { isOfProbe } from '../ground/own-probes.ts';
import { formatLocalTime } from '../ground/quantity.ts';
import { type Rate, RateLimit } from '../ground/rate-limit.ts';
import { EVENT_KINDS } from '../region/reports/reported.ts';
import { EVENTS_PER_TURN_MAX, type EventStream } from './event-stream.ts';
import { eventFields } from './event-text.ts';
import { errorLines, isJournal, withPriority } from './journal.ts';
import type { LogLevels, LogPlace } from './log-levels.ts';
import { type LogTrouble, LogWriter } from './log-writer.ts';

const PINO_LEVELS: Readonly<Record<EventLevel, 'debug' | 'info' | 'warn' | 'error'>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

const LEVELS: ReadonlyMap<string, EventLevel> = new Map([
  ['20', 'debug'],
  ['30', 'info'],
  ['40', 'warning'],
  ['50', 'error'],
]);

interface LogSettings extends LogPlace {
  readonly level: EventLevel;
}

/** An open log. */
export interface Log {
  /** Its `flush(done)` calls `done` when the lines are written, or after a second. */
  readonly logger: Logger;
  /** Reopens the file by its name after it was moved away; does nothing for standard output. */
  reopen(): void;
  /**
   * Writes to another place from now on.
   * @throws RackError `store-unwritable`; the former place stays in use
   */
  moveTo(place: LogPlace): Promise<void>;
}

/** Opens the log. @throws RackError `store-unwritable` when the log file cannot be opened */
export function openLog(settings: LogSettings): Log {
  let name = settings.file ?? 'standard output';
  const writer = openWriter(settings.file, {
    onFailure: (error) =>
      complain(`the log ${name} cannot be written: ${errorText(error)}; logging resumes as soon as it can be`),
    onGap: (missed) => logger.warn({ event: 'log.gap', missed }, 'lines could not be written and are lost'),
    onUnwritten: (bytes) => complain(`the log ${name} is blocked; its last lines (${counted(bytes, 'byte')}) are lost`),
  });
  let format = formatFor(settings);
  const lines = {
    write: (line: string) => writer.write(format(line)),
    flush: (done: () => void) => writer.flush(done),
  };
  const options = { level: PINO_LEVELS[settings.level], base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const logger = pino(options, lines);
  return {
    logger,
    reopen: () => writer.reopen(),
    async moveTo(place) {
      const { file } = place;
      await writer.moveTo(file).catch((error: unknown) => {
        throw unwritable(file, error);
      });
      name = file ?? 'standard output';
      format = formatFor(place);
    },
  };
}

function formatFor({ file, format }: LogPlace): (line: string) => string {
  const isStandard = file === undefined;
  if (isStandard && isJournal(1)) {
    const text = format === 'json' ? cleanJson : plainLine;
    return (line) => withPriority(text(line), parseLineLevel(line));
  }
  const isTerminal = isStandard && isatty(1);
  if (format === 'json' || (format === 'auto' && !isTerminal)) return cleanJson;
  return isTerminal ? openTerminalFormat() : datedLine;
}

const complain = (text: string): void => console.error(errorLines(`rackboot: ${text}`));

const parseLineLevel = (line: string): EventLevel => LEVELS.get(/^\{"level":(\d+)/.exec(line)?.[1] ?? '') ?? 'info';

const unwritable = (file: string | undefined, error: unknown): RackError =>
  new RackError(
    'store-unwritable',
    `the log ${file} cannot be written: ${errorText(error)}; make it writable for the user that runs Rackboot, or set log.file to another path`,
    { cause: error },
  );

function openWriter(file: string | undefined, trouble: LogTrouble): LogWriter {
  try {
    return new LogWriter(file, trouble);
  } catch (error) {
    throw unwritable(file, error);
  }
}

/** Event name, message and fields: the journal itself shows the time and keeps the level. */
const plainLine = (line: string): string => `${readLine(line)?.text ?? cleanText(line)}\n`;

/** The same after local time and level, for a file or a pipe. */
function datedLine(line: string): string {
  const read = readLine(line);
  if (read === undefined) return plainLine(line);
  const atMs = Date.parse(read.time);
  const time = formatLocalTime(atMs, String(atMs % 1000).padStart(3, '0'));
  return `${time}  ${parseLineLevel(line).toUpperCase().padEnd(LEVEL_CHARACTERS)}  ${read.text}\n`;
}

const LEVEL_CHARACTERS = 'WARNING'.length;

/**
 * A JSON line for people; undefined: it has another shape, and is shown as plain text, because no
 * log line may end the process.
 */
function readLine(line: string): { readonly level: number; readonly time: string; readonly text: string } | undefined {
  const parsed = lineShape.safeParse(JSON.parse(line));
  if (!parsed.success) return undefined;
  const { level, time, event, msg, ...fields } = parsed.data;
  const words = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
  return { level, time, text: cleanLines(`${event === undefined ? '' : `${event}: `}${msg}${words.join('')}`) };
}

/** One word, or JSON, whose quotes keep what a host sends apart from the line's own words. */
const fieldText = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"'=\p{Cc}]+$/u.test(value) ? value : JSON.stringify(value);

/**
 * Returns a function that renders a JSON line for a terminal: time, level, event name, message and
 * fields.
 */
export function openTerminalFormat(): (line: string) => string {
  // Loaded on demand: a service does not log to a terminal.
  const { prettyFactory }: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  const pretty = prettyFactory({ colorize: process.env.NO_COLOR === undefined, translateTime: 'SYS:HH:MM:ss.l' });
  return (line) => {
    const read = readLine(line);
    // All fields are in the message: pino-pretty would move fields such as hostname, and show them unescaped.
    return read === undefined ? plainLine(line) : pretty({ level: read.level, time: read.time, msg: read.text });
  };
}

const lineShape = z.looseObject({
  level: z.number(),
  time: z.string(),
  event: z.string().optional(),
  msg: z.string().default(''),
});

const OWN_FIELDS = ['level', 'time', 'event', 'msg'];

/** Prefixes a field of an event with `event_` if it would replace a field of every log line. */
function withoutOwn(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name of OWN_FIELDS) {
    if (!(name in fields)) continue;
    fields[`event_${name}`] = fields[name];
    delete fields[name];
  }
  return fields;
}

/**
 * Lines that hosts on the wire cause, altogether: each reason has a rate of its own, but reasons
 * and senders are many. The burst takes in a hall that is powered on at once; a flood leaves some
 * 120 MB a day.
 */
export const WIRE_RATE: Rate = { perSecond: 5, burst: 20_000 };
/** How often the number of lines left out is logged, in milliseconds. */
const LEFT_OUT_EVERY_MS = 60_000;
/** Rooms whose events hosts on the wire cause. */
const WIRE_ROOMS: ReadonlySet<string> = new Set(['boot', 'dhcp', 'dns', 'http', 'net', 'tftp']);

/** Starts logging the events that `levels` shows. */
export function logEvents(log: Logger, stream: EventStream, levels: LogLevels): void {
  // `levels` decides per kind what is shown.
  log.level = PINO_LEVELS.debug;
  const wire = new RateLimit(WIRE_RATE);
  let leftOut = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  const cursor = stream.subscribe(() => {
    const { events, missed } = cursor.drain(EVENTS_PER_TURN_MAX);
    if (missed > 0) log.warn({ event: 'log.gap', missed }, 'events were published faster than the log could take them');
    for (const event of events) {
      const kind = EVENT_KINDS.get(event.kind);
      const level = isOfProbe(event) ? 'debug' : (kind?.level ?? 'info');
      if (!levels.shows(event.kind, level)) continue;
      const room = event.kind.slice(0, event.kind.indexOf('.'));
      if (level !== 'error' && WIRE_ROOMS.has(room) && !wire.allows(event.at)) {
        leftOut += 1;
        if (event.at - toldAt < LEFT_OUT_EVERY_MS) continue;
        toldAt = event.at;
        log.warn(
          { event: 'log.limited', missed: leftOut },
          'hosts cause more lines than the log takes; some are left out',
        );
        leftOut = 0;
        continue;
      }
      log[PINO_LEVELS[level]]({ event: event.kind, ...withoutOwn(eventFields(event)) }, kind?.message ?? event.kind);
    }
  }, 'log');
}
