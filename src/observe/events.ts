// What the observers of the rack tell themselves: hints at why a boot does not go on, and changes of the log.

import type { EventKind, RackEvent } from '../event.ts';
import type { HintName } from './hints.ts';

export type ObserveEvent = RackEvent &
  (
    | { readonly kind: 'boot.hint'; readonly hint: HintName; readonly text: string }
    /** `room` empty: all of them. */
    | { readonly kind: 'log.level-changed'; readonly room: string; readonly level: string; readonly seconds: number }
    | { readonly kind: 'log.level-restored'; readonly room: string }
    | { readonly kind: 'log.gap'; readonly missed: number }
  );

/** Every kind of event of this room, for the operator. */
export const OBSERVE_EVENTS: Readonly<Record<ObserveEvent['kind'], EventKind>> = {
  'boot.hint': {
    level: 'warning',
    message: 'a boot does not go as it should',
    explanation:
      'Something in what a machine did shows why its boot does not go on; hint names the pattern, text says what was seen and what to do. ' +
      'Each pattern is told once a boot. `rackboot trace` shows the steps before it.',
  },
  'log.level-changed': {
    level: 'info',
    message: 'log level changed for a while',
    explanation:
      '`rackboot log-level` changed what is written to the log, of one room or of all; after seconds it is as configured again.',
  },
  'log.level-restored': {
    level: 'info',
    message: 'log level as configured again',
    explanation: 'The time that `rackboot log-level` gave is over, or it was taken back.',
  },
  'log.gap': {
    level: 'warning',
    message: 'lines of the log are lost',
    explanation:
      'The log could not be written as fast as things happened, or could not be written at all for a while; missed says how many lines ' +
      'are not there. The rack itself lost nothing. See why the reader of the log, or its disk, is slow.',
  },
};
