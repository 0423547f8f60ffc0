// What is kept of scripts: those that operators gave, and what came of each on each machine.
//
//   begin a run ─► pending ─► running ─┬─► passed, failed, timed-out
//                     └────────────────┴─► skipped (it was removed meanwhile), aborted (its machine left the state, or started anew)
//
// 1. One method is one transaction, as in `store.ts`.
// 2. Only the newest run of a machine changes, and of it only what has not ended.
// 3. Results outlive their scripts; with their machine they go. Of a machine RUNS_MAX runs are kept, of an output its last bytes.

import type { NewMachineEvent } from './machine-event.ts';

/** What a script is for; its machine is in the state of that name when it runs. */
export const SCRIPT_KINDS = ['commissioning', 'testing'] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

export const RESULT_STATUSES = ['pending', 'running', 'passed', 'failed', 'timed-out', 'skipped', 'aborted'] as const;
export type ResultStatus = (typeof RESULT_STATUSES)[number];

/** Runs that are kept of one machine. */
export const RUNS_MAX = 10;
/** Bytes that are kept of the end of an output. */
export const OUTPUT_BYTES_MAX = 64 * 1024;

/** A script of an operator, without its text. */
export interface Script {
  readonly id: number;
  /** Unique, of both kinds together. */
  readonly name: string;
  readonly kind: ScriptKind;
  /** For people; empty: none. */
  readonly title: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  /** Lower ones run first, and those of one position by their names. */
  readonly position: number;
  readonly changedMs: number;
  readonly bytes: number;
}

/** A script as it is written. */
export type WrittenScript = Omit<Script, 'id' | 'bytes'> & { readonly content: string };

/** One part of a run, before it begins. */
export interface PlannedScript {
  readonly name: string;
  readonly kind: 'builtin' | ScriptKind;
  readonly timeoutSeconds: number;
}

/** What came of one script on one machine. Times are wall time in milliseconds. */
export interface ScriptResult extends PlannedScript {
  readonly id: number;
  readonly systemId: string;
  /** The run to which it belongs; grows from run to run. */
  readonly run: number;
  /** What the run was for. */
  readonly purpose: ScriptKind;
  readonly status: ResultStatus;
  /** 0 to 255; undefined: it has not ended, or not by itself. */
  readonly exitStatus?: number | undefined;
  readonly startedMs?: number | undefined;
  readonly endedMs?: number | undefined;
  /** The end of what it said, cleaned; empty: nothing, or it was not asked for. */
  readonly output: string;
  /** How many bytes it said in all. */
  readonly outputBytes: number;
}

/** A result with its output as it came. */
export type RawResult = Omit<ScriptResult, 'output'> & { readonly tail: Uint8Array };

/** What changes of a result. */
export type ResultChange = Partial<
  Pick<RawResult, 'status' | 'exitStatus' | 'startedMs' | 'endedMs' | 'tail' | 'outputBytes'>
>;

/** Which results. */
export interface ResultFilter {
  /** The newest runs, at most so many; default: all that are kept. */
  readonly runs?: number | undefined;
  /** Only this run. */
  readonly run?: number | undefined;
  /** False: `output` stays empty. Default: true. */
  readonly withOutput?: boolean | undefined;
}

export interface ScriptStore {
  /** In the order in which they run. */
  listScripts(kind?: ScriptKind): readonly Script[];
  findScript(name: string): (Script & { readonly content: string }) | undefined;
  /** `exists`: the name is taken. `limit`: there are `scriptsMax` already. */
  addScript(script: WrittenScript, scriptsMax: number, event: NewMachineEvent): Script | 'exists' | 'limit';
  /** Replaces a script, its name too. `not-found`: there is none; `exists`: the new name is taken. */
  changeScript(name: string, script: WrittenScript, event: NewMachineEvent): Script | 'exists' | 'not-found';
  /** False: there is no such script. */
  removeScript(name: string, event: NewMachineEvent): boolean;

  /**
   * Begins a run. One before it of which nothing has begun is forgotten, what another one left unended is aborted.
   * @returns its results, all pending; undefined: there is no such machine
   */
  beginRun(
    systemId: string,
    purpose: ScriptKind,
    planned: readonly PlannedScript[],
    atMs: number,
  ): readonly ScriptResult[] | undefined;
  /** The newest run first, each in the order in which it ran. */
  listResults(systemId: string, filter?: ResultFilter): readonly ScriptResult[];
  /**
   * Changes a result of the newest run of a machine that has not ended. `decide` runs inside the transaction.
   * @returns the result as it is now; undefined: the newest run of this machine has none of that id
   */
  changeResult(
    systemId: string,
    id: number,
    decide: (result: RawResult) => ResultChange | undefined,
  ): RawResult | undefined;
}
