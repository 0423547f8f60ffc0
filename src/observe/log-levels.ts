// The log's settings: its format, and its levels: one for all rooms, others for some rooms, and
// temporary changes of both without a restart.
//
//   temporary, for the room ▸ temporary, for all ▸ configured, for the room ▸ configured, for all       the first that is set applies
//
// 1. A temporary change expires: a log made verbose to find a problem is quiet again the next day.
// 2. Deciding on an event costs one map lookup.

import { type Clock, type Instant, later, type Timer } from '../ground/clock.ts';
import type { EventLevel, Publish } from '../ground/event.ts';
import type { DaemonEvent } from '../region/reports/daemon-events.ts';

/** The rooms: the part of an event's kind before the dot. */
export const LOG_ROOMS = [
  'boot',
  'clock',
  'config',
  'daemon',
  'dhcp',
  'dns',
  'http',
  'interface',
  'log',
  'machine',
  'metrics',
  'net',
  'outbox',
  'region',
  'tftp',
  'tree',
] as const;
export type LogRoom = (typeof LOG_ROOMS)[number];

export const isLogRoom = (name: string): name is LogRoom => LOG_ROOMS.some((room) => room === name);

/** The levels, the most verbose first. */
export const LOG_LEVELS: readonly EventLevel[] = ['debug', 'info', 'warning', 'error'];
export const isLogLevel = (name: string): name is EventLevel => LOG_LEVELS.some((level) => level === name);

/** How lines are written. `auto`: `lines` on a terminal and in the journal, `json` elsewhere. */
export const LOG_FORMATS = ['auto', 'json', 'lines'] as const;

/** Where the log is written, and in which format. */
export interface LogDestination {
  /** `undefined` for standard output. */
  readonly file?: string | undefined;
  readonly format: (typeof LOG_FORMATS)[number];
}

/** The longest temporary change, in seconds: a day. */
export const LOG_WHILE_SECONDS_MAX = 86_400;

export interface LogLevelSettings {
  readonly level: EventLevel;
  readonly levels: ReadonlyMap<LogRoom, EventLevel>;
}

interface TemporaryLevel {
  readonly level: EventLevel;
  readonly expiresAt: Instant;
  readonly timer: Timer;
}

/** The level of a room in `rackboot log-level`; an empty room stands for all. */
interface LogLevelState {
  readonly room: LogRoom | '';
  readonly level: EventLevel;
  /** How long the temporary level lasts, in seconds; `undefined` for the configured level. */
  readonly secondsLeft: number | undefined;
}

/** Decides which events are logged: the configured levels, and temporary changes that expire. */
export class LogLevels {
  readonly #clock: Clock;
  readonly #publish: Publish;
  #settings: LogLevelSettings;
  /** Temporary changes by room; an empty room stands for all. */
  readonly #temporaryLevels = new Map<LogRoom | '', TemporaryLevel>();
  /** The lowest shown rank of each kind, cached. */
  readonly #ranks = new Map<string, number>();

  constructor(settings: LogLevelSettings, deps: { readonly clock: Clock; readonly publish: Publish }) {
    this.#settings = settings;
    this.#clock = deps.clock;
    this.#publish = deps.publish;
  }

  /** Replaces the configured levels; temporary changes stay. */
  configure(settings: LogLevelSettings): void {
    this.#settings = settings;
    this.#ranks.clear();
  }

  /**
   * True if the log shows an event of this kind and level. Kinds are a closed set, so the cache is
   * bounded.
   */
  shows(kind: string, level: EventLevel): boolean {
    let rank = this.#ranks.get(kind);
    if (rank === undefined) {
      const room = kind.slice(0, Math.max(0, kind.indexOf('.')));
      rank = LOG_LEVELS.indexOf(this.#getLevel(isLogRoom(room) ? room : ''));
      this.#ranks.set(kind, rank);
    }
    return LOG_LEVELS.indexOf(level) >= rank;
  }

  /** Changes the level of a room (empty: of all rooms) for `seconds`, 1 to LOG_WHILE_SECONDS_MAX. */
  setTemporaryLevel(room: LogRoom | '', level: EventLevel, seconds: number): void {
    this.#temporaryLevels.get(room)?.timer.cancel();
    const timer = this.#clock.schedule(seconds * 1000, () => this.restore(room));
    this.#temporaryLevels.set(room, { level, expiresAt: later(this.#clock.now(), seconds * 1000), timer });
    this.#ranks.clear();
    this.#report({ kind: 'log.level-changed', at: this.#clock.now(), room, logLevel: level, seconds });
  }

  restore(room: LogRoom | ''): void {
    const temporaryLevel = this.#temporaryLevels.get(room);
    if (temporaryLevel === undefined) return;
    temporaryLevel.timer.cancel();
    this.#temporaryLevels.delete(room);
    this.#ranks.clear();
    this.#report({ kind: 'log.level-restored', at: this.#clock.now(), room });
  }

  /** The level of all rooms, then of each room. */
  listStates(): readonly LogLevelState[] {
    const now = this.#clock.now();
    return (['', ...LOG_ROOMS] as const).map((room) => {
      const temporaryLevel = this.#temporaryLevels.get(room) ?? this.#temporaryLevels.get('');
      const secondsLeft =
        temporaryLevel === undefined ? undefined : Math.max(0, Math.ceil((temporaryLevel.expiresAt - now) / 1000));
      return { room, level: this.#getLevel(room), secondsLeft };
    });
  }

  #getLevel(room: LogRoom | ''): EventLevel {
    const temporaryLevel = this.#temporaryLevels.get(room) ?? this.#temporaryLevels.get('');
    if (temporaryLevel !== undefined) return temporaryLevel.level;
    const roomLevel = room === '' ? undefined : this.#settings.levels.get(room);
    return roomLevel ?? this.#settings.level;
  }

  #report(event: DaemonEvent): void {
    this.#publish(event);
  }
}
