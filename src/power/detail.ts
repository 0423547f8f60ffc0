// The detail of a power action or query: a code and its parameters, as in events. A language makes a sentence of them when a person reads
// it (`region/records/power-words.ts`).
//
// 1. Never change the meaning of a code or parameter: the ledger and the event log keep both, not the sentence.
// 2. A parameter `said` has the words of a program, a controller or the system, cleaned by `cleanWords`.
// 3. What may hold a part of the power parameters is a parameter named in PRIVATE (`region/records/power-words.ts`). Only those who may read power parameters get it.

import type { ParameterProblem } from './parameters.ts';

type None = Readonly<Record<string, never>>;
type Said = { readonly said: string };
type OfProgram = { readonly program: string };

/** The meaning of a program's complaint. */
export type Complaint =
  // ipmitool
  | 'wrong-password'
  | 'wrong-password-or-key'
  | 'no-such-user'
  | 'wrong-privilege-level'
  | 'may-not-switch'
  | 'unknown-cipher-suite'
  | 'sessions-taken'
  | 'unknown-name'
  | 'no-answer'
  | 'stopped-answering'
  | 'no-session'
  // virsh
  | 'host-key-changed'
  | 'key-not-accepted'
  | 'may-not-manage'
  | 'no-such-guest';

/** The codes, each with its parameters. */
export interface PowerDetailParams {
  acknowledged: Said;
  /** @param command installs the program */
  'program-missing': OfProgram & { readonly command: string };
  /** @param said undefined: it was cancelled */
  'not-started': OfProgram & Partial<Said>;
  'program-late': OfProgram & Said;
  /** @param status the program's exit status, shown if the program said nothing */
  'program-failed': OfProgram & Said & { readonly status: number };
  /** A signal ended the program, such as that of its own failed assertion. @param status 128 and the signal's number */
  'program-aborted': OfProgram & Said & { readonly status: number };
  complaint: Said & { readonly meaning: Complaint };
  /** An answer without a power state. */
  'no-state': Said;

  'http-status': { readonly status: number };
  'http-redirect': { readonly status: number };
  'web-late': { readonly host: string; readonly seconds: number };
  'web-failed': Said & { readonly host: string };
  'certificate-untrusted': Said & { readonly host: string };
  cancelled: None;
  'expression-slow': { readonly name: string; readonly ms: number };
  'expression-matches': { readonly state: 'on' | 'off' };
  /** @param characters the number of searched characters; 0: the answer is empty */
  'no-expression-matches': { readonly characters: number };

  'boots-from-network': { readonly guest: string };
  'boots-otherwise': { readonly guest: string };
  /** A machine without a driver that switches it. */
  'by-hand': None;
  'person-must': { readonly act: 'on' | 'off' | 'soft-off' | 'query' };

  /** Another process has the duties now. */
  'not-ours': None;
  'no-network-boot': { readonly started: PowerDetail; readonly why: PowerDetail };
  /** The driver cannot see the state. */
  unseen: { readonly asked: PowerDetail; readonly look: PowerDetail };
  'not-seen': { readonly asked: PowerDetail; readonly seconds: number; readonly look: PowerDetail };
  still: { readonly state: string };

  /** The process ended before the command did. */
  interrupted: None;
  stopping: None;
  'other-command': { readonly command: string };
  'too-many-queries': None;
  /** @param driver empty if the machine has none */
  'no-driver': { readonly driver: string };
  'bad-parameters': { readonly problems: readonly ParameterProblem[] };
  'controller-busy': { readonly controller: string };
  'no-end': { readonly seconds: number };
  'no-answer': { readonly seconds: number };
  'not-recorded': Said;
  'driver-bug': Said;
}

/** A code with its parameters. */
export type PowerDetail<Code extends keyof PowerDetailParams = keyof PowerDetailParams> = {
  readonly [C in Code]: { readonly code: C; readonly params: PowerDetailParams[C] };
}[Code];
