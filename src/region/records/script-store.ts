// The port to the store of scripts: the scripts of operators, and their results on each machine.
//
//   begin a run ─► pending ─► running ─┬─► passed, failed, timed-out
//                     └────────────────┴─► skipped (its script was removed), aborted (its machine left the state, or restarted)
//
// 1. One method is one transaction, as in `store.ts`.
// 2. Only unfinished results of a machine's newest run change.
// 3. Results outlive their scripts but not their machine. Each machine keeps its last RUNS_MAX runs, each output its last bytes.

import type { NewMachineEvent } from './machine-event.ts';

/** The kinds of scripts; a script runs while its machine is in the state of that name. */
export const SCRIPT_KINDS = ['commissioning', 'testing'] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

/** The kinds of hardware that a script can be for. The place in the list is MAAS's number. */
export const SCRIPT_HARDWARE = ['node', 'cpu', 'memory', 'storage', 'network', 'gpu'] as const;
export type ScriptHardware = (typeof SCRIPT_HARDWARE)[number];

/** The scripts that may run at the same time as a script, in its own words. The place in the list is MAAS's number. */
export const SCRIPT_PARALLEL = ['disabled', 'instance', 'any'] as const;
export type ScriptParallel = (typeof SCRIPT_PARALLEL)[number];

export const RESULT_STATUSES = ['pending', 'running', 'passed', 'failed', 'timed-out', 'skipped', 'aborted'] as const;
export type ResultStatus = (typeof RESULT_STATUSES)[number];

/** How a run stands: the first of these that any of its scripts has. */
const WORST: readonly ResultStatus[] = ['running', 'pending', 'failed', 'timed-out', 'aborted', 'passed', 'skipped'];

/** How a run with these results stands; `undefined` without results. */
export const runStatusOf = (statuses: Iterable<ResultStatus>): ResultStatus | undefined => {
  const all = new Set(statuses);
  return WORST.find((status) => all.has(status));
};

/** True if a script of the run has not ended. */
export const isUnfinished = (status: ResultStatus): boolean => status === 'running' || status === 'pending';

/** Runs kept of one machine. */
export const RUNS_MAX = 10;
/** Bytes kept from the end of an output. */
export const OUTPUT_BYTES_MAX = 64 * 1024;

/** Facts of a script that people choose it by, or read. */
export interface ScriptMarks {
  /** Words by which a run chooses it, each once, in the order in which they were given. */
  readonly tags: readonly string[];
  /** For people: every script runs once on each machine. */
  readonly hardware: ScriptHardware;
  /** For people: one script runs after the other. */
  readonly parallel: ScriptParallel;
  /** True if it overwrites data. */
  readonly isDestructive: boolean;
}
/** The marks of a script of which nobody said any. */
export const NO_MARKS: ScriptMarks = { tags: [], hardware: 'node', parallel: 'disabled', isDestructive: false };

/** An operator's script, without its text. */
export interface Script extends ScriptMarks {
  readonly id: number;
  /** Unique across both kinds. */
  readonly name: string;
  readonly kind: ScriptKind;
  /** For people; empty: none. */
  readonly title: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  /** Lower positions run first; equal positions run by name. */
  readonly position: number;
  readonly changedMs: number;
  readonly bytes: number;
}

/** A script to store. */
export type WrittenScript = Omit<Script, 'id' | 'bytes'> & { readonly content: string };

/** One script of a run that has not begun. */
export interface PlannedScript {
  readonly name: string;
  readonly kind: 'builtin' | ScriptKind;
  readonly timeoutSeconds: number;
}

/** The result of one script on one machine. Times are wall time in milliseconds. */
export interface ScriptResult extends PlannedScript {
  readonly id: number;
  readonly systemId: string;
  /** The number of its run, increasing. */
  readonly run: number;
  /** The purpose of the run. */
  readonly purpose: ScriptKind;
  readonly status: ResultStatus;
  /** 0 to 255; `undefined` if the script is unfinished or did not exit normally. */
  readonly exitStatus?: number | undefined;
  readonly startedMs?: number | undefined;
  readonly endedMs?: number | undefined;
  /** The end of its output, cleaned; empty if there is none or it was not requested. */
  readonly output: string;
  /** The output's total size. */
  readonly outputBytes: number;
}

/** A result with its raw output. */
export type RawResult = Omit<ScriptResult, 'output'> & { readonly tail: Uint8Array };

/** The changeable fields of a result. */
export type ResultChange = Partial<
  Pick<RawResult, 'status' | 'exitStatus' | 'startedMs' | 'endedMs' | 'tail' | 'outputBytes'>
>;

/** The newest run of each purpose, by its number, and how it stands. */
export type NewestRuns = Readonly<Partial<Record<ScriptKind, { readonly id: number; readonly status: ResultStatus }>>>;

/** A selection of results. */
export interface ResultFilter {
  /** At most this many of the newest runs; default: all. */
  readonly runs?: number | undefined;
  /** Only this run. */
  readonly run?: number | undefined;
  /** False leaves `output` empty. Default: true. */
  readonly withOutput?: boolean | undefined;
}

export interface ScriptStore {
  /** In running order. */
  listScripts(kind?: ScriptKind): Promise<readonly Script[]>;
  findScript(name: string): Promise<(Script & { readonly content: string }) | undefined>;
  /** `exists`: the name is taken. `limit`: `scriptsMax` scripts exist already. */
  addScript(script: WrittenScript, scriptsMax: number, event: NewMachineEvent): Promise<Script | 'exists' | 'limit'>;
  /** Replaces a script, including its name. `not-found`: no such script. `exists`: the new name is taken. */
  changeScript(name: string, script: WrittenScript, event: NewMachineEvent): Promise<Script | 'exists' | 'not-found'>;
  /**
   * Adds or removes a tag of a script. Nothing is stored, not even the event, if that changes nothing. `limit`: the script has `tagsMax` tags.
   * @param isThere true adds the tag, false removes it
   */
  tagScript(
    name: string,
    tag: string,
    isThere: boolean,
    tagsMax: number,
    event: NewMachineEvent,
  ): Promise<Script | 'not-found' | 'limit'>;
  /** @returns false if there is no such script */
  removeScript(name: string, event: NewMachineEvent): Promise<boolean>;

  /**
   * Begins a run. An earlier run in which nothing has started is removed; unfinished results of other runs become aborted.
   * @returns its results, all pending; `undefined` if there is no such machine
   */
  beginRun(
    systemId: string,
    purpose: ScriptKind,
    planned: readonly PlannedScript[],
    atMs: number,
  ): Promise<readonly ScriptResult[] | undefined>;
  /** The newest run first, each in running order. */
  listResults(systemId: string, filter?: ResultFilter): Promise<readonly ScriptResult[]>;
  /**
   * Changes an unfinished result of a machine's newest run. `decide` runs inside the transaction.
   * @returns the result after the change; `undefined` if the machine's newest run has no result with this id
   */
  changeResult(
    systemId: string,
    id: number,
    decide: (result: RawResult) => ResultChange | undefined,
  ): Promise<RawResult | undefined>;
}
