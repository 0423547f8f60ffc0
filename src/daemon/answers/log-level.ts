// `rackboot log-level` over the control socket: what the log shows of each room, and a change of it for a while.

import { RackError } from '../../errors.ts';
import type { ControlAnswers, ControlAsk } from '../../http/control.ts';
import { nearestName } from '../../nearest-name.ts';
import {
  isLogLevel,
  isLogRoom,
  LOG_LEVELS,
  LOG_ROOMS,
  LOG_WHILE_SECONDS_MAX,
  type LogLevels,
  type LogRoom,
} from '../../observe/log-levels.ts';

/** How long a change lasts that does not say how long, in seconds. */
export const LOG_WHILE_SECONDS = 600;

/** The paths of the control socket for the log. */
export function logLevelAnswers(levels: LogLevels): ControlAnswers {
  return {
    '/log-level': () => levels.states(),
    'POST /log-level': (asked) => {
      change(levels, asked);
      return levels.states();
    },
  };
}

/** @throws RackError `bad-argument` */
function change(levels: LogLevels, { query }: ControlAsk): void {
  const room = roomOf(query.get('room') ?? '');
  const level = query.get('level') ?? '';
  if (level === 'configured') {
    levels.restore(room);
    return;
  }
  if (!isLogLevel(level)) {
    throw new RackError(
      'bad-argument',
      `${level} is no level: give one of ${LOG_LEVELS.join(', ')}, or configured${meantBy(level, LOG_LEVELS)}`,
    );
  }
  const text = query.get('seconds') ?? String(LOG_WHILE_SECONDS);
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > LOG_WHILE_SECONDS_MAX) {
    throw new RackError('bad-argument', `${text} is no number of seconds: give 1 to ${LOG_WHILE_SECONDS_MAX}`);
  }
  levels.setFor(room, level, seconds);
}

function roomOf(name: string): LogRoom | '' {
  if (name === '' || isLogRoom(name)) return name;
  throw new RackError(
    'bad-argument',
    `${name} is no room: there are ${LOG_ROOMS.join(', ')}${meantBy(name, LOG_ROOMS)}`,
  );
}

function meantBy(text: string, names: readonly string[]): string {
  const meant = nearestName(text, names);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}
