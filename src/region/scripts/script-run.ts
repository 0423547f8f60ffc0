// A run of scripts on one machine: what is run, what the machine tells of it, and what came of it. Pure.
//
//   commissioning  inventory, disks, memory, link, clock, then the operator's commissioning scripts, then tests that were asked for
//   testing        disks, memory, link, clock, then the operator's testing scripts
//
// 1. A machine that says that all is well is believed only where its scripts ended well.
// 2. A script that goes on beyond its time gives its machine no further time (`isOverdue`): the machine ends it, or the deadline of its
//    state ends both.

import { counted } from '../../counted.ts';
import type {
  PlannedScript,
  RawResult,
  ResultChange,
  ResultStatus,
  Script,
  ScriptKind,
  ScriptResult,
} from '../records/script-store.ts';
import { cleanWords } from '../records/text-json.ts';
import { appendOutput, lastWords } from './script-output.ts';

/** What the agent does by itself, and how long each may take, in seconds. */
const BUILTINS: readonly (readonly [string, number])[] = [
  ['inventory', 600],
  ['disks', 900],
  ['memory', 600],
  ['link', 60],
  ['clock', 60],
];
/** Names that no script of an operator may have. */
export const BUILTIN_NAMES: ReadonlySet<string> = new Set(BUILTINS.map(([name]) => name));
/** A machine needs a moment to end a script whose time is over, and to say so. */
const OVERDUE_GRACE_MS = 5 * 60_000;
/** Failed scripts that are named with their words; the others are counted. */
const NAMED_MAX = 3;
const WORDS_MAX = 120;

/** What is to be run. @param chosen the names of scripts to run instead of all of the run's kind */
export function planRun(
  purpose: ScriptKind,
  scripts: readonly Script[],
  chosen: readonly string[] | undefined,
): readonly PlannedScript[] {
  const builtins = BUILTINS.filter(([name]) => purpose === 'commissioning' || name !== 'inventory').map(
    ([name, timeoutSeconds]): PlannedScript => ({ name, kind: 'builtin', timeoutSeconds }),
  );
  const wanted = scripts.filter(({ name, kind }) => (chosen === undefined ? kind === purpose : chosen.includes(name)));
  // Tests come after what prepares the machine.
  const ordered = [
    ...wanted.filter(({ kind }) => kind === 'commissioning'),
    ...wanted.filter(({ kind }) => kind === 'testing'),
  ];
  return [...builtins, ...ordered.map(({ name, kind, timeoutSeconds }) => ({ name, kind, timeoutSeconds }))];
}

/** What a machine tells of one script. */
export interface ScriptNews {
  readonly id: number;
  /** The script has ended: by itself, by the end of its time, or it could not be run at all. Undefined: it runs. */
  readonly ended?: 'exited' | 'timed-out' | 'skipped' | undefined;
  readonly exitStatus?: number | undefined;
  /** A piece of what it said, and where in all of it the piece begins, in bytes. */
  readonly piece?: { readonly offset: number; readonly bytes: Uint8Array } | undefined;
}

/** What news make of a result. */
export function takeNews(result: RawResult, news: ScriptNews, atMs: number): ResultChange {
  const output = news.piece === undefined ? {} : appendOutput(result, news.piece.offset, news.piece.bytes);
  const startedMs = result.startedMs ?? atMs;
  if (news.ended === undefined) return { ...output, startedMs, status: 'running' };
  return { ...output, startedMs, endedMs: atMs, exitStatus: news.exitStatus, status: endOf(news) };
}

function endOf({ ended, exitStatus }: ScriptNews): ResultStatus {
  if (ended === 'timed-out' || ended === 'skipped') return ended;
  return exitStatus === 0 ? 'passed' : 'failed';
}

/** True for a script that runs longer than it may. */
export const isOverdue = ({ status, startedMs, timeoutSeconds }: RawResult, atMs: number): boolean =>
  status === 'running' && startedMs !== undefined && atMs - startedMs > timeoutSeconds * 1000 + OVERDUE_GRACE_MS;

/** Why a run failed, in one sentence; undefined: it did not. A script that never ran, though its machine has finished, failed it. */
export function failureOf(results: readonly ScriptResult[]): string | undefined {
  const failed = results.filter(
    ({ status, kind }) => status !== 'passed' && status !== 'skipped' && (kind !== 'builtin' || status !== 'pending'),
  );
  if (failed.length === 0) return undefined;
  const named = failed.slice(0, NAMED_MAX).map(describeFailure);
  const more = failed.length - named.length;
  return `${named.join('; ')}${more === 0 ? '' : `; and ${more} more failed`}`;
}

function describeFailure({ name, status, exitStatus, timeoutSeconds, output }: ScriptResult): string {
  const words = cleanWords(lastWords(Buffer.from(output), WORDS_MAX), WORDS_MAX);
  const said = words === '' ? '' : `: ${words}`;
  switch (status) {
    case 'timed-out':
      return `script ${name} did not end within ${counted(timeoutSeconds, 'second')}${said}`;
    case 'failed':
      return `script ${name} ended with status ${exitStatus ?? 'unknown'}${said}`;
    default:
      return `script ${name} was not run to its end${said}`;
  }
}
