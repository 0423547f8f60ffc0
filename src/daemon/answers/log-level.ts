// `rackboot log-level` over the control socket: shows the log level of each room and changes it temporarily.

import type { ControlAnswers, ControlRequest } from '../../control/requests.ts';
import { RackError } from '../../ground/errors.ts';
import { findNearestName } from '../../ground/nearest-name.ts';
import {
  isLogLevel,
  isLogRoom,
  LOG_LEVELS,
  LOG_ROOMS,
  LOG_WHILE_SECONDS_MAX,
  type LogLevels,
  type LogRoom,
} from '../../observe/log-levels.ts';

/** The default duration of a change, in seconds. */
const LOG_WHILE_SECONDS = 600;

/** The control socket's paths for log levels. */
export function makeLogLevelAnswers(levels: LogLevels): ControlAnswers {
  return {
    '/log-level': () => levels.listStates(),
    'POST /log-level': (request) => {
      changeLogLevels(levels, request);
      return levels.listStates();
    },
  };
}

function changeLogLevels(levels: LogLevels, { query }: ControlRequest): void {
  const room = parseLogRoom(query.get('room') ?? '');
  const level = query.get('level') ?? '';
  if (level === 'configured') {
    levels.restore(room);
    return;
  }
  if (!isLogLevel(level)) {
    throw new RackError(
      'bad-argument',
      `${level} is not a level: use one of ${LOG_LEVELS.join(', ')}, or configured${suggestName(level, LOG_LEVELS)}`,
    );
  }
  const text = query.get('seconds') ?? String(LOG_WHILE_SECONDS);
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > LOG_WHILE_SECONDS_MAX) {
    throw new RackError('bad-argument', `${text} is not a valid number of seconds: use 1 to ${LOG_WHILE_SECONDS_MAX}`);
  }
  levels.setTemporaryLevel(room, level, seconds);
}

function parseLogRoom(name: string): LogRoom | '' {
  if (name === '' || isLogRoom(name)) return name;
  throw new RackError(
    'bad-argument',
    `${name} is not a room: use one of ${LOG_ROOMS.join(', ')}${suggestName(name, LOG_ROOMS)}`,
  );
}

function suggestName(text: string, names: readonly string[]): string {
  const suggestion = findNearestName(text, names);
  return suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
}
