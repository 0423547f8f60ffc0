// The observers' own events: hints on why a boot does not continue, and changes of the log.

import type { EventKind, RackEvent } from '../event.ts';
import type { Hint } from './hints.ts';

export type ObserveEvent = RackEvent &
  (
    | ({ readonly kind: 'boot.hint'; readonly text: string } & Hint)
    /** `room` is empty for all rooms. */
    | { readonly kind: 'log.level-changed'; readonly room: string; readonly logLevel: string; readonly seconds: number }
    | { readonly kind: 'log.level-restored'; readonly room: string }
    | { readonly kind: 'log.gap'; readonly missed: number }
    | { readonly kind: 'log.limited'; readonly missed: number }
  );

/** Every kind of event of this room, for the operator. */
export const OBSERVE_EVENTS: Readonly<Record<ObserveEvent['kind'], EventKind>> = {
  'boot.hint': {
    level: 'warning',
    message: 'a boot has a problem',
    explanation:
      "A machine's steps show why its boot does not continue. hint names the pattern, text says what was seen and what to do. Each pattern " +
      'is reported once per boot. `rackboot trace` shows the steps before it.',
  },
  'log.level-changed': {
    level: 'info',
    message: 'log level changed temporarily',
    explanation:
      '`rackboot log-level` changed the log level of one room or of all. After seconds the configured level applies again.',
  },
  'log.level-restored': {
    level: 'info',
    message: 'log level restored',
    explanation:
      'The temporary change of `rackboot log-level` has expired or was undone; the configured level applies.',
  },
  'log.gap': {
    level: 'warning',
    message: 'log lines are lost',
    explanation:
      'The log could not be written as fast as events happened, or not at all for a while; missed counts the lost lines. The rack itself ' +
      'lost nothing. Find out why the reader of the log, or its disk, is slow.',
  },
  'log.limited': {
    level: 'warning',
    message: 'lines that hosts cause were left out',
    explanation:
      'All lines that hosts on the networks cause share one bound: 20 000 at once, and 5 a second for long. missed counts those left out since the last such ' +
      'line, at most one a minute. Errors are always logged, and the counters at /metrics count everything. Find out which host is so busy: `rackboot status`.',
  },
};
