// The port to the store of operators' scripts, and of their results on each machine.
//
//   begin a run ─► pending ─► running ─┬─► passed, failed, timed-out
//                     └────────────────┴─► skipped (its script was removed), aborted (its machine left the state, or restarted)
//
// 1. One method is one transaction, as in `store.ts`.
// 2. Only unfinished results of a machine's newest run change.
// 3. Results outlive their scripts but not their machine, which keeps its last RUNS_MAX runs.

import type { NewMachineEvent } from './machine-event.ts';

/** A script runs while its machine is in the state of that name. */
export const SCRIPT_KINDS = ['commissioning', 'testing'] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

/** The place in the list is MAAS's number. */
export const SCRIPT_HARDWARE = ['node', 'cpu', 'memory', 'storage', 'network', 'gpu'] as const;
export type ScriptHardware = (typeof SCRIPT_HARDWARE)[number];

/** What may run at the same time. The place in the list is MAAS's number. */
export const SCRIPT_PARALLEL = ['disabled', 'instance', 'any'] as const;
export type ScriptParallel = (typeof SCRIPT_PARALLEL)[number];

export const RESULT_STATUSES = ['pending', 'running', 'passed', 'failed', 'timed-out', 'skipped', 'aborted'] as const;
export type ResultStatus = (typeof RESULT_STATUSES)[number];

/** A run stands as the first of these that any of its scripts has. */
const WORST: readonly ResultStatus[] = ['running', 'pending', 'failed', 'timed-out', 'aborted', 'passed', 'skipped'];

export const summarizeRunStatus = (statuses: Iterable<ResultStatus>): ResultStatus | undefined => {
  const all = new Set(statuses);
  return WORST.find((status) => all.has(status));
};

export const isUnfinished = (status: ResultStatus): boolean => status === 'running' || status === 'pending';

/** Runs of one machine. */
export const RUNS_MAX = 10;
/** Bytes kept from the end of an output. */
export const OUTPUT_BYTES_MAX = 64 * 1024;

/**
 * The marks by which people choose scripts. Every script runs once on each machine, one after the
 * other.
 */
export interface ScriptMarks {
  /** Each once, in the order in which they were given. */
  readonly tags: readonly string[];
  readonly hardware: ScriptHardware;
  readonly parallel: ScriptParallel;
  readonly isDestructive: boolean;
}
/** The marks of a script for which nobody chose any. */
export const NO_MARKS: ScriptMarks = { tags: [], hardware: 'node', parallel: 'disabled', isDestructive: false };

export interface Script extends ScriptMarks {
  readonly id: number;
  /** Unique across both kinds. */
  readonly name: string;
  readonly kind: ScriptKind;
  /** Empty: none. */
  readonly title: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  /** Lower ones run first; equal ones by name. */
  readonly position: number;
  readonly changedMs: number;
  readonly bytes: number;
}

export type WrittenScript = Omit<Script, 'id' | 'bytes'> & { readonly content: string };

export interface PlannedScript {
  readonly name: string;
  readonly kind: 'builtin' | ScriptKind;
  readonly timeoutSeconds: number;
}

/** Times are wall time in milliseconds. */
export interface ScriptResult extends PlannedScript {
  readonly id: number;
  readonly systemId: string;
  /** Increasing. */
  readonly run: number;
  readonly purpose: ScriptKind;
  readonly status: ResultStatus;
  /** 0 to 255; `undefined` if it is unfinished or did not exit normally. */
  readonly exitStatus?: number | undefined;
  readonly startedMs?: number | undefined;
  readonly endedMs?: number | undefined;
  /** Its end, cleaned; empty if it was not requested. */
  readonly output: string;
  readonly outputBytes: number;
}

export type RawResult = Omit<ScriptResult, 'output'> & { readonly tail: Uint8Array };

export type ResultChange = Partial<
  Pick<RawResult, 'status' | 'exitStatus' | 'startedMs' | 'endedMs' | 'tail' | 'outputBytes'>
>;

/** The newest run of each purpose. */
export type NewestRuns = Readonly<Partial<Record<ScriptKind, { readonly id: number; readonly status: ResultStatus }>>>;

export interface ResultFilter {
  /** Of the newest ones; default: all. */
  readonly runs?: number | undefined;
  readonly run?: number | undefined;
  /** False leaves `output` empty. Default: true. */
  readonly withOutput?: boolean | undefined;
}

export interface ScriptStore {
  /** Lists the scripts in the order in which they run. */
  listScripts(kind?: ScriptKind): Promise<readonly Script[]>;
  findScript(name: string): Promise<(Script & { readonly content: string }) | undefined>;
  /** `exists`: the name is taken. `limit`: `scriptsMax` scripts exist already. */
  addScript(script: WrittenScript, scriptsMax: number, event: NewMachineEvent): Promise<Script | 'exists' | 'limit'>;
  /** `exists`: the new name is taken. */
  changeScript(name: string, script: WrittenScript, event: NewMachineEvent): Promise<Script | 'exists' | 'not-found'>;
  /**
   * Nothing is stored, not even the event, if that changes nothing. `limit`: the script has
   * `tagsMax` tags. @param isThere true adds the tag, false removes it
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
   * An earlier run in which nothing has started is removed; unfinished results of other runs become
   * aborted. @returns its results, all pending; `undefined` if there is no such machine
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
   * Changes only an unfinished result of the newest run. @returns the result after that;
   * `undefined` if that run has none with this id
   */
  changeResult(
    systemId: string,
    id: number,
    decide: (result: RawResult) => ResultChange | undefined,
  ): Promise<RawResult | undefined>;
}
