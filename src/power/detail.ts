// The detail of a power action or query, as in events: a code and its parameters.
// `region/records/power-words.ts` makes a sentence of them.
//
// 1. Never change the meaning of a code or parameter: the ledger and the event log keep both.
// 2. A parameter `said` quotes a program or controller, cleaned by `cleanWords`.
// 3. A parameter named in PRIVATE may hold a part of the power parameters. It is shown only to
//    those who may read the power parameters.

import type { ParameterProblem } from './parameters.ts';

type NoParams = Readonly<Record<string, never>>;
type QuotedOutput = { readonly said: string };
type ProgramName = { readonly program: string };

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
  | 'no-such-guest'
  // redfish
  | 'no-redfish'
  | 'several-systems'
  | 'no-such-system'
  | 'no-reset-type'
  | 'no-boot-target';

export interface PowerDetailParams {
  acknowledged: QuotedOutput;
  /** @param command the command that installs the program */
  'program-missing': ProgramName & { readonly command: string };
  /** @param said undefined if the run was cancelled */
  'not-started': ProgramName & Partial<QuotedOutput>;
  'program-late': ProgramName & QuotedOutput;
  /** @param status shown if the program said nothing */
  'program-failed': ProgramName & QuotedOutput & { readonly status: number };
  /** A signal ended the program. @param status 128 and the signal's number */
  'program-aborted': ProgramName & QuotedOutput & { readonly status: number };
  complaint: QuotedOutput & { readonly meaning: Complaint };
  'no-state': QuotedOutput;

  'http-status': { readonly status: number };
  'http-redirect': { readonly status: number };
  'web-late': { readonly host: string; readonly seconds: number };
  'web-failed': QuotedOutput & { readonly host: string };
  'certificate-untrusted': QuotedOutput & { readonly host: string };
  /** Fingerprints: of the pinned certificate, and of the one that the server has. */
  'certificate-changed': { readonly host: string; readonly expected: string; readonly now: string };
  cancelled: NoParams;
  'expression-matches': { readonly state: 'on' | 'off' };
  /** @param characters how many were searched; 0 if the answer is empty */
  'no-expression-matches': { readonly characters: number };

  /** The driver `command`: there is no such program, or others than root can change it. */
  'no-power-program': { readonly path: string };
  'power-program-open': { readonly path: string };

  'boots-from-network': { readonly guest: string };
  'boots-otherwise': { readonly guest: string };
  /** No driver switches the machine. */
  'by-hand': NoParams;
  'person-must': { readonly act: 'on' | 'off' | 'soft-off' | 'restart' | 'query' };

  'wake-sent': { readonly by: readonly { readonly rack: string; readonly interfaces: readonly string[] }[] };
  'no-rack-wakes': NoParams;
  'no-rack-hears': NoParams;
  'answers-arp': NoParams;
  silent: NoParams;

  /** Another process has the duties now. */
  'not-ours': NoParams;
  'no-network-boot': { readonly started: PowerDetail; readonly why: PowerDetail };
  /** The driver cannot see the state. */
  unseen: { readonly asked: PowerDetail; readonly look: PowerDetail };
  'not-seen': { readonly asked: PowerDetail; readonly seconds: number; readonly look: PowerDetail };
  still: { readonly state: string };

  /** The process ended before the command did. */
  interrupted: NoParams;
  stopping: NoParams;
  'other-command': { readonly command: string };
  'too-many-queries': NoParams;
  /** @param driver empty for none */
  'no-driver': { readonly driver: string };
  'bad-parameters': { readonly problems: readonly ParameterProblem[] };
  'controller-busy': { readonly controller: string };
  'no-end': { readonly seconds: number };
  'no-answer': { readonly seconds: number };
  'not-recorded': QuotedOutput;
  'driver-bug': QuotedOutput;
}

export type PowerDetail<Code extends keyof PowerDetailParams = keyof PowerDetailParams> = {
  readonly [C in Code]: { readonly code: C; readonly params: PowerDetailParams[C] };
}[Code];
