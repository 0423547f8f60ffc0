// The log: one line per event, with its kind as `event`. On a terminal and in the journal, lines
// are for people, and in the journal they have priorities. Elsewhere they are JSON. `log.format`
// chooses one format for all.

import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import { z } from 'zod';
import { cleanJson, cleanLines, cleanText } from '../ground/clean-text.ts';
import { counted } from '../ground/counted.ts';
import { errorText, RackError } from '../ground/errors.ts';
import type { EventLevel } from '../ground/event.ts';
import { isProbeEvent } from '../ground/own-probes.ts';
import { formatLocalTime } from '../ground/quantity.ts';
import { type Rate, RateLimit } from '../ground/rate-limit.ts';
import { EVENT_KINDS } from '../region/reports/reported.ts';
import { EVENTS_PER_TURN_MAX, type EventStream } from './event-stream.ts';
import { listEventFields } from './event-text.ts';
import { addPriority, formatErrorLines, isJournal } from './journal.ts';
import type { LogDestination, LogLevels } from './log-levels.ts';
import { type LogTrouble, LogWriter } from './log-writer.ts';

const PINO_LEVELS: Readonly<Record<EventLevel, 'debug' | 'info' | 'warn' | 'error'>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

const LEVELS_BY_NUMBER: ReadonlyMap<string, EventLevel> = new Map([
  ['20', 'debug'],
  ['30', 'info'],
  ['40', 'warning'],
  ['50', 'error'],
]);

interface LogSettings extends LogDestination {
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
  moveTo(destination: LogDestination): Promise<void>;
}

/** Opens the log. @throws RackError `store-unwritable` when the log file cannot be opened */
export function openLog(settings: LogSettings): Log {
  let name = settings.file ?? 'standard output';
  const writer = openWriter(settings.file, {
    onFailure: (error) =>
      printError(`the log ${name} cannot be written: ${errorText(error)}; logging resumes as soon as it can be`),
    onGap: (missed) => logger.warn({ event: 'log.gap', missed }, 'lines could not be written and are lost'),
    onUnwritten: (bytes) =>
      printError(`the log ${name} is blocked; its last lines (${counted(bytes, 'byte')}) are lost`),
  });
  let format = chooseFormat(settings);
  const lines = {
    write: (line: string) => writer.write(format(line)),
    flush: (done: () => void) => writer.flush(done),
  };
  const options = { level: PINO_LEVELS[settings.level], base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const logger = pino(options, lines);
  return {
    logger,
    reopen: () => writer.reopen(),
    async moveTo(destination) {
      const { file } = destination;
      await writer.moveTo(file).catch((error: unknown) => {
        throw unwritableError(file, error);
      });
      name = file ?? 'standard output';
      format = chooseFormat(destination);
    },
  };
}

function chooseFormat({ file, format }: LogDestination): (line: string) => string {
  const isStandard = file === undefined;
  if (isStandard && isJournal(1)) {
    const text = format === 'json' ? cleanJson : formatPlainLine;
    return (line) => addPriority(text(line), parseLineLevel(line));
  }
  const isTerminal = isStandard && isatty(1);
  if (format === 'json' || (format === 'auto' && !isTerminal)) return cleanJson;
  return isTerminal ? openTerminalFormat() : formatDatedLine;
}

const printError = (text: string): void => console.error(formatErrorLines(`rackboot: ${text}`));

const parseLineLevel = (line: string): EventLevel =>
  LEVELS_BY_NUMBER.get(/^\{"level":(\d+)/.exec(line)?.[1] ?? '') ?? 'info';

const unwritableError = (file: string | undefined, error: unknown): RackError =>
  new RackError(
    'store-unwritable',
    `the log ${file} cannot be written: ${errorText(error)}; make it writable for the user that runs Rackboot, or set log.file to another path`,
    { cause: error },
  );

function openWriter(file: string | undefined, trouble: LogTrouble): LogWriter {
  try {
    return new LogWriter(file, trouble);
  } catch (error) {
    throw unwritableError(file, error);
  }
}

/** Event name, message and fields: the journal itself shows the time and keeps the level. */
const formatPlainLine = (line: string): string => `${readLine(line)?.text ?? cleanText(line)}\n`;

/** Like `formatPlainLine`, after local time and level, for a file or a pipe. */
function formatDatedLine(line: string): string {
  const parsedLine = readLine(line);
  if (parsedLine === undefined) return formatPlainLine(line);
  const atMs = Date.parse(parsedLine.time);
  const time = formatLocalTime(atMs, String(atMs % 1000).padStart(3, '0'));
  return `${time}  ${parseLineLevel(line).toUpperCase().padEnd(LEVEL_CHARACTERS)}  ${parsedLine.text}\n`;
}

const LEVEL_CHARACTERS = 'WARNING'.length;

/**
 * A JSON line for people; `undefined` if it has another shape. It is then shown as plain text,
 * because no log line may end the process.
 */
function readLine(line: string): { readonly level: number; readonly time: string; readonly text: string } | undefined {
  const parsed = lineShape.safeParse(JSON.parse(line));
  if (!parsed.success) return undefined;
  const { level, time, event, msg, ...fields } = parsed.data;
  const fieldTexts = Object.entries(fields).map(([name, value]) => ` ${name}=${formatField(value)}`);
  return { level, time, text: cleanLines(`${event === undefined ? '' : `${event}: `}${msg}${fieldTexts.join('')}`) };
}

/** A bare word, or JSON. Its quotes separate what a host sends from the line's own text. */
const formatField = (value: unknown): string =>
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
    const parsedLine = readLine(line);
    // All fields are in the message: pino-pretty would move fields such as hostname, and show them unescaped.
    return parsedLine === undefined
      ? formatPlainLine(line)
      : pretty({ level: parsedLine.level, time: parsedLine.time, msg: parsedLine.text });
  };
}

const lineShape = z.looseObject({
  level: z.number(),
  time: z.string(),
  event: z.string().optional(),
  msg: z.string().default(''),
});

const LINE_FIELDS = ['level', 'time', 'event', 'msg'];

/** Prefixes a field of an event with `event_` if it would replace a field of every log line. */
function prefixLineFields(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name of LINE_FIELDS) {
    if (!(name in fields)) continue;
    fields[`event_${name}`] = fields[name];
    delete fields[name];
  }
  return fields;
}

/**
 * Lines that hosts on the wire cause, altogether: each reason has a rate of its own, but there are
 * many reasons and senders. The burst covers a hall that is powered on at once. A flood leaves some
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
  const wireLimit = new RateLimit(WIRE_RATE);
  let leftOutCount = 0;
  let reportedAt = Number.NEGATIVE_INFINITY;
  const cursor = stream.subscribe(() => {
    const { events, missed } = cursor.drain(EVENTS_PER_TURN_MAX);
    if (missed > 0) log.warn({ event: 'log.gap', missed }, 'events were published faster than the log could take them');
    for (const event of events) {
      const kind = EVENT_KINDS.get(event.kind);
      const level = isProbeEvent(event) ? 'debug' : (kind?.level ?? 'info');
      if (!levels.shows(event.kind, level)) continue;
      const room = event.kind.slice(0, event.kind.indexOf('.'));
      if (level !== 'error' && WIRE_ROOMS.has(room) && !wireLimit.allows(event.at)) {
        leftOutCount += 1;
        if (event.at - reportedAt < LEFT_OUT_EVERY_MS) continue;
        reportedAt = event.at;
        log.warn(
          { event: 'log.limited', missed: leftOutCount },
          'hosts cause more lines than the log takes; some are left out',
        );
        leftOutCount = 0;
        continue;
      }
      log[PINO_LEVELS[level]](
        { event: event.kind, ...prefixLineFields(listEventFields(event)) },
        kind?.message ?? event.kind,
      );
    }
  }, 'log');
}
