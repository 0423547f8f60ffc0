// Remarks about a machine's state and work: a code with parameters, as in events. `region/words/event.ts` turns them into a sentence when
// the machine is shown.
//
// 1. A stored code keeps its meaning.

import type { EventParams } from './event-params.ts';

type None = Readonly<Record<string, never>>;

/** The codes with their parameters: those of events, and of remarks that are not events. */
export interface RemarkParams extends EventParams {
  /** The words of a person or of the machine. */
  said: { readonly text: string };
  /** A person must switch it on. */
  'waits-for-hand': None;
  /** The same for a machine that is on. */
  'waits-for-restart': None;
  'has-started': None;
  /** Its installed system was seen. */
  'system-seen': None;
  /** A person may have to switch it off. */
  'may-be-running': None;
  'failed-without-reason': None;
  'boots-from-network': None;
  'runs-checks': None;
  'writes-disk': None;
}

/** Why a machine is in its state, or what it does. */
export type Remark<Code extends keyof RemarkParams = keyof RemarkParams> = {
  readonly [C in Code]: { readonly code: C; readonly params: RemarkParams[C] };
}[Code];
