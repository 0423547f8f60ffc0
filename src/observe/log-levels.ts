// Which events the log shows: a level for all, another one for some rooms, and both changed for a while without a restart.
//
//   a while, of the room ▸ a while, of all ▸ configured, of the room ▸ configured, of all       the first that is set decides
//
// 1. A change for a while ends by itself: a log that was made talkative to find something is quiet again on the next day.
// 2. Deciding on one event costs one look into a map.

import { type Clock, type Instant, later, type Timer } from '../clock.ts';
import type { EventLevel, Publish } from '../event.ts';
import type { ObserveEvent } from './events.ts';

/** What an event's kind begins with, before the full stop: the rooms that the log knows. */
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

/** From the most talkative on. */
export const LOG_LEVELS: readonly EventLevel[] = ['debug', 'info', 'warning', 'error'];
export const isLogLevel = (name: string): name is EventLevel => LOG_LEVELS.some((level) => level === name);

/** The longest that a change for a while may last, in seconds: a day. */
export const LOG_WHILE_SECONDS_MAX = 86_400;

export interface LogLevelSettings {
  readonly level: EventLevel;
  readonly levels: ReadonlyMap<LogRoom, EventLevel>;
}

/** What is changed for a while; `room` undefined: all rooms. */
interface While {
  readonly level: EventLevel;
  readonly until: Instant;
  readonly timer: Timer;
}

/** What `rackboot log-level` shows of one room, or of all. */
export interface LogLevelState {
  readonly room: LogRoom | '';
  readonly level: EventLevel;
  /** How long it stays so, in seconds; undefined: as configured. */
  readonly secondsLeft: number | undefined;
}

/** The levels in force. */
export class LogLevels {
  readonly #clock: Clock;
  readonly #publish: Publish;
  #settings: LogLevelSettings;
  /** By room; empty: all. */
  readonly #whiles = new Map<LogRoom | '', While>();
  /** The rank from which on a kind is shown. */
  readonly #ranks = new Map<string, number>();

  constructor(settings: LogLevelSettings, ports: { readonly clock: Clock; readonly publish: Publish }) {
    this.#settings = settings;
    this.#clock = ports.clock;
    this.#publish = ports.publish;
  }

  /** Takes the configured levels; what is changed for a while stays so. */
  configure(settings: LogLevelSettings): void {
    this.#settings = settings;
    this.#ranks.clear();
  }

  /** True when the log shows an event of this kind and level. Kinds are a closed set, so the memory of this is bounded. */
  shows(kind: string, level: EventLevel): boolean {
    let rank = this.#ranks.get(kind);
    if (rank === undefined) {
      const room = kind.slice(0, Math.max(0, kind.indexOf('.')));
      rank = LOG_LEVELS.indexOf(this.#levelOf(isLogRoom(room) ? room : ''));
      this.#ranks.set(kind, rank);
    }
    return LOG_LEVELS.indexOf(level) >= rank;
  }

  /** Changes the level of a room (empty: of all) for `seconds`, 1 to LOG_WHILE_SECONDS_MAX. */
  setFor(room: LogRoom | '', level: EventLevel, seconds: number): void {
    this.#whiles.get(room)?.timer.cancel();
    const timer = this.#clock.schedule(seconds * 1000, () => this.restore(room));
    this.#whiles.set(room, { level, until: later(this.#clock.now(), seconds * 1000), timer });
    this.#ranks.clear();
    this.#tell({ kind: 'log.level-changed', at: this.#clock.now(), room, level, seconds });
  }

  /** As configured again. */
  restore(room: LogRoom | ''): void {
    const changed = this.#whiles.get(room);
    if (changed === undefined) return;
    changed.timer.cancel();
    this.#whiles.delete(room);
    this.#ranks.clear();
    this.#tell({ kind: 'log.level-restored', at: this.#clock.now(), room });
  }

  /** All rooms, then each by name. */
  states(): readonly LogLevelState[] {
    const now = this.#clock.now();
    return (['', ...LOG_ROOMS] as const).map((room) => {
      const changed = this.#whiles.get(room) ?? this.#whiles.get('');
      const secondsLeft = changed === undefined ? undefined : Math.max(0, Math.ceil((changed.until - now) / 1000));
      return { room, level: this.#levelOf(room), secondsLeft };
    });
  }

  #levelOf(room: LogRoom | ''): EventLevel {
    const changed = this.#whiles.get(room) ?? this.#whiles.get('');
    if (changed !== undefined) return changed.level;
    const own = room === '' ? undefined : this.#settings.levels.get(room);
    return own ?? this.#settings.level;
  }

  #tell(event: ObserveEvent): void {
    this.#publish(event);
  }
}
