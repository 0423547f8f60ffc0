// `rackboot log-level [ROOM] [LEVEL] [--for 10m]`: shows or changes the log levels of the running rack.

import { z } from 'zod';
import { RackError } from '../../ground/errors.ts';
import { findNearestName } from '../../ground/nearest-name.ts';
import { isLogLevel, LOG_LEVELS } from '../../observe/log-levels.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { parseDuration } from '../terminal/duration.ts';
import { formatDuration, tableText } from '../terminal/output.ts';

const statesShape = z.array(z.object({ room: z.string(), level: z.string(), secondsLeft: z.number().optional() }));

interface LogLevelRequest extends Where {
  /** A room, or a level for all rooms. */
  readonly room: string | undefined;
  /** A level, or `configured`. */
  readonly level: string | undefined;
  readonly for: string;
}

/** Changes a level if one is given, then shows the levels. @returns 0 @throws RackError `bad-argument` */
export async function setLogLevel(request: LogLevelRequest): Promise<number> {
  const { room = '', level: given } = request;
  const isLevel = given === undefined && (isLogLevel(room) || room === 'configured');
  const level = isLevel ? room : given;
  const raw = await (level === undefined
    ? askRegion(request, '/log-level')
    : askRegion(request, `/log-level?${changeQuery(isLevel ? '' : room, level, request.for)}`, 'POST'));
  const states = statesShape.parse(raw);
  if (!isLevel && room !== '' && !states.some((state) => state.room === room)) {
    const nearest = findNearestName(room, [...states.map((state) => state.room), ...LOG_LEVELS]);
    const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
    throw new RackError(
      'bad-argument',
      `${room} is neither a level nor a room${hint}; rackboot log-level shows the rooms`,
    );
  }
  const rooms = states.filter((state) => isLevel || room === '' || state.room === room);
  const rows = rooms.map((state) => [
    state.room === '' ? '(all others)' : state.room,
    state.level,
    state.secondsLeft === undefined ? 'as configured' : formatDuration(state.secondsLeft * 1000),
  ]);
  return printAnswer(request, raw, tableText(['ROOM', 'FROM LEVEL', 'FOR'], rows, ''));
}

function changeQuery(room: string, level: string, time: string): string {
  return new URLSearchParams({ room, level, seconds: String(parseDuration(time, '--for')) }).toString();
}
