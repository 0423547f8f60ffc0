// A run of scripts on one machine: its plan, its progress and its outcome. Pure.
//
//   commissioning  inventory, disks, memory, link, clock, then the operator's commissioning scripts, then requested tests
//   testing        disks, memory, link, clock, then the operator's testing scripts
//
// 1. A machine's OK counts only if its scripts passed.
// 2. A script beyond its time limit does not extend its machine's deadline (`isOverdue`): either
//    the machine ends the script, or the state's deadline ends both.

import type { FailedScript, Happening } from '../records/events.ts';
import {
  NO_MARKS,
  type PlannedScript,
  type RawResult,
  type ResultChange,
  type ResultStatus,
  type Script,
  type ScriptHardware,
  type ScriptKind,
  type ScriptMarks,
  type ScriptResult,
} from '../records/script-store.ts';
import { cleanWords } from '../records/text-json.ts';
import { appendOutput, lastWords } from './script-output.ts';

/** The agent's built-in scripts, with their time limits in seconds and what they look at. */
const BUILTINS: readonly (readonly [name: string, seconds: number, hardware: ScriptHardware])[] = [
  ['inventory', 600, 'node'],
  ['disks', 900, 'storage'],
  ['memory', 600, 'memory'],
  ['link', 60, 'network'],
  ['clock', 60, 'node'],
];
export const BUILTIN_NAMES: ReadonlySet<string> = new Set(BUILTINS.map(([name]) => name));

/** The marks of a script that the store does not have: a built-in one, or one that is gone. */
export const getDefaultMarks = (name: string): ScriptMarks => ({
  ...NO_MARKS,
  hardware: BUILTINS.find(([builtin]) => builtin === name)?.[2] ?? NO_MARKS.hardware,
});
/** The time for a machine to end an overdue script and report it. */
const OVERDUE_GRACE_MS = 5 * 60_000;
/** Failed scripts named with their output; the others are counted. */
const NAMED_MAX = 3;
const WORDS_MAX = 120;

/** The tag of scripts that run only where they are chosen, as in MAAS. */
const NOT_AUTOMATIC = 'noauto';

/** True for a script that runs where nobody chooses scripts. */
export const runsUnasked = ({ tags, isDestructive }: Pick<Script, 'tags' | 'isDestructive'>): boolean =>
  !isDestructive && !tags.includes(NOT_AUTOMATIC);

/** True if a word that chooses scripts, a name or a tag, means this one. */
export const isMeant = ({ name, tags }: Pick<Script, 'name' | 'tags'>, word: string): boolean =>
  name === word || tags.includes(word);

/**
 * True if a script is for this hardware, and one of the words is its name or a tag of it;
 * `undefined`: any.
 */
export const passes = (
  script: Pick<Script, 'name' | 'tags' | 'hardware'>,
  hardware: ScriptHardware | undefined,
  filters: readonly string[] | undefined,
): boolean =>
  (hardware === undefined || script.hardware === hardware) && (filters?.some((word) => isMeant(script, word)) ?? true);

export function planRun(
  purpose: ScriptKind,
  scripts: readonly Script[],
  chosen: readonly string[] | undefined,
): readonly PlannedScript[] {
  const builtins = BUILTINS.filter(([name]) => purpose === 'commissioning' || name !== 'inventory').map(
    ([name, timeoutSeconds]): PlannedScript => ({ name, kind: 'builtin', timeoutSeconds }),
  );
  const wanted = scripts.filter((script) =>
    chosen === undefined ? script.kind === purpose && runsUnasked(script) : chosen.includes(script.name),
  );
  // Tests come after the scripts that prepare the machine.
  const ordered = [
    ...wanted.filter(({ kind }) => kind === 'commissioning'),
    ...wanted.filter(({ kind }) => kind === 'testing'),
  ];
  return [...builtins, ...ordered.map(({ name, kind, timeoutSeconds }) => ({ name, kind, timeoutSeconds }))];
}

export interface ScriptNews {
  readonly id: number;
  /** How the script ended: it exited, ran out of time, or could not be run. `undefined`: it is running. */
  readonly ended?: 'exited' | 'timed-out' | 'skipped' | undefined;
  readonly exitStatus?: number | undefined;
  /** A piece of its output, and the piece's position in the whole, in bytes. */
  readonly piece?: { readonly offset: number; readonly bytes: Uint8Array } | undefined;
}

export function takeNews(result: RawResult, news: ScriptNews, atMs: number): ResultChange {
  const output = news.piece === undefined ? {} : appendOutput(result, news.piece.offset, news.piece.bytes);
  const startedMs = result.startedMs ?? atMs;
  if (news.ended === undefined) return { ...output, startedMs, status: 'running' };
  return { ...output, startedMs, endedMs: atMs, exitStatus: news.exitStatus, status: decideEndStatus(news) };
}

function decideEndStatus({ ended, exitStatus }: ScriptNews): ResultStatus {
  if (ended === 'timed-out' || ended === 'skipped') return ended;
  return exitStatus === 0 ? 'passed' : 'failed';
}

export const isOverdue = ({ status, startedMs, timeoutSeconds }: RawResult, atMs: number): boolean =>
  status === 'running' && startedMs !== undefined && atMs - startedMs > timeoutSeconds * 1000 + OVERDUE_GRACE_MS;

/** Why a run failed; `undefined` if it passed. An operator's script that never ran also fails the run. */
export function findRunFailure(results: readonly ScriptResult[]): Happening<'scripts-failed'> | undefined {
  const failed = results.filter(
    ({ status, kind }) => status !== 'passed' && status !== 'skipped' && (kind !== 'builtin' || status !== 'pending'),
  );
  if (failed.length === 0) return undefined;
  const named = failed.slice(0, NAMED_MAX).map(describeFailure);
  return { code: 'scripts-failed', params: { failed: named, more: failed.length - named.length } };
}

function describeFailure({ name, status, exitStatus, timeoutSeconds, output }: ScriptResult): FailedScript {
  const text = cleanWords(lastWords(Buffer.from(output), WORDS_MAX), WORDS_MAX);
  const end = status === 'timed-out' ? status : status === 'failed' ? 'exited' : 'unfinished';
  return { name, end, exitStatus, timeoutSeconds, said: text };
}
