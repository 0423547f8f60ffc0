// The detail of a power action or query, as in events: a code and its parameters, made into a
// sentence by `region/records/power-words.ts`.
//
// 1. Never change the meaning of a code or parameter: the ledger and the event log keep both.
// 2. A parameter `said` has words of others, cleaned by `cleanWords`.
// 3. A parameter named in PRIVATE may hold a part of the power parameters, and goes only to those
//    who may read these.

import type { ParameterProblem } from './parameters.ts';

type None = Readonly<Record<string, never>>;
type ProgramWords = { readonly said: string };
type OfProgram = { readonly program: string };

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

export interface PowerDetailParams {
  acknowledged: ProgramWords;
  /** @param command installs the program */
  'program-missing': OfProgram & { readonly command: string };
  /** @param said undefined: it was cancelled */
  'not-started': OfProgram & Partial<ProgramWords>;
  'program-late': OfProgram & ProgramWords;
  /** @param status shown if the program said nothing */
  'program-failed': OfProgram & ProgramWords & { readonly status: number };
  /** A signal ended the program. @param status 128 and the signal's number */
  'program-aborted': OfProgram & ProgramWords & { readonly status: number };
  complaint: ProgramWords & { readonly meaning: Complaint };
  'no-state': ProgramWords;

  'http-status': { readonly status: number };
  'http-redirect': { readonly status: number };
  'web-late': { readonly host: string; readonly seconds: number };
  'web-failed': ProgramWords & { readonly host: string };
  'certificate-untrusted': ProgramWords & { readonly host: string };
  cancelled: None;
  'expression-matches': { readonly state: 'on' | 'off' };
  /** @param characters searched; 0: the answer is empty */
  'no-expression-matches': { readonly characters: number };

  'boots-from-network': { readonly guest: string };
  'boots-otherwise': { readonly guest: string };
  /** No driver switches the machine. */
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
  /** @param driver empty for none */
  'no-driver': { readonly driver: string };
  'bad-parameters': { readonly problems: readonly ParameterProblem[] };
  'controller-busy': { readonly controller: string };
  'no-end': { readonly seconds: number };
  'no-answer': { readonly seconds: number };
  'not-recorded': ProgramWords;
  'driver-bug': ProgramWords;
}

export type PowerDetail<Code extends keyof PowerDetailParams = keyof PowerDetailParams> = {
  readonly [C in Code]: { readonly code: C; readonly params: PowerDetailParams[C] };
}[Code];
