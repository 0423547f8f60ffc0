// Operations on operators' scripts and their results in region.db (`steps.ts`).
//
// 1. Whenever a machine's status changes, the trigger `script_result_aborted` aborts the machine's
//    unfinished scripts.
// 2. The row of a machine has its newest runs, so that lists of machines read no results. Each
//    change of a result notes them.

import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import {
  type NewestRuns,
  type PlannedScript,
  type RawResult,
  RESULT_STATUSES,
  type ResultChange,
  type ResultFilter,
  RUNS_MAX,
  SCRIPT_HARDWARE,
  SCRIPT_KINDS,
  SCRIPT_PARALLEL,
  type Script,
  type ScriptKind,
  type ScriptResult,
  summarizeRunStatus,
  type WrittenScript,
} from '../../region/records/script-store.ts';
import { outputText } from '../../region/scripts/script-output.ts';
import {
  assigned,
  bytes,
  codec,
  flag,
  insertInto,
  json,
  mapped,
  number,
  oneWord,
  optional,
  type Row,
  text,
} from '../rows.ts';
import { all, numberIn, one, run, type Steps } from '../steps.ts';
import { LoggedTable } from './region-events.ts';

const shownScript = {
  name: text('name'),
  kind: oneWord('kind', SCRIPT_KINDS),
  title: text('title'),
  description: text('description'),
  timeoutSeconds: number('timeout_seconds'),
  position: number('position'),
  changedMs: number('changed_ms'),
  tags: json<Script['tags']>('tags'),
  hardware: oneWord('hardware', SCRIPT_HARDWARE),
  parallel: oneWord('parallel', SCRIPT_PARALLEL),
  isDestructive: flag('is_destructive'),
};
const WRITTEN = codec<WrittenScript>({ ...shownScript, content: text('content') });
const readScript = codec<Script>({ id: number('id'), ...shownScript, bytes: number('bytes') }).read;
const SCRIPT = 'SELECT script.*, octet_length(content) AS bytes FROM script';
const RESULT = (
  output: string,
): string => `SELECT script_result.id, name, kind, script_result.status, exit_status, started_ms, ended_ms,
  timeout_seconds, output_bytes, run_id, purpose, machine.system_id, ${output} AS output FROM script_result
  JOIN script_run ON script_run.id = run_id JOIN machine ON machine.id = machine_id`;
const MACHINE = 'SELECT id FROM machine WHERE system_id = ?';
const NEWEST_RUN = 'SELECT coalesce(max(id), 0) FROM script_run WHERE machine_id = ?';

export class ScriptTables extends LoggedTable {
  *listScripts(kind?: ScriptKind): Steps<readonly Script[]> {
    const scripts = (yield all(`${SCRIPT} ORDER BY position, name`)).rows.map(readScript);
    return kind === undefined ? scripts : scripts.filter((script) => script.kind === kind);
  }

  *findScript(name: string): Steps<(Script & { readonly content: string }) | undefined> {
    const { row } = yield one(`${SCRIPT} WHERE name = ?`, name);
    return row === undefined ? undefined : { ...readScript(row), content: text('content').read(row) };
  }

  *addScript(script: WrittenScript, scriptsMax: number, event: NewMachineEvent): Steps<Script | 'exists' | 'limit'> {
    if ((yield* this.#find(script.name)) !== undefined) return 'exists';
    if (numberIn(yield one('SELECT count(*) FROM script')) >= scriptsMax) return 'limit';
    yield run(insertInto('script', WRITTEN.names), ...WRITTEN.values(script));
    yield* this.events.add(event);
    return (yield* this.#find(script.name)) ?? 'limit';
  }

  *changeScript(name: string, script: WrittenScript, event: NewMachineEvent): Steps<Script | 'exists' | 'not-found'> {
    const before = yield* this.findScript(name);
    if (before === undefined) return 'not-found';
    if (script.name !== name && (yield* this.#find(script.name)) !== undefined) return 'exists';
    yield run(`UPDATE script SET ${assigned(WRITTEN.names)} WHERE name = ?`, ...WRITTEN.values(script), name);
    const { bytes: _, ...written } = before;
    yield* this.addChange(event, written, script);
    return (yield* this.#find(script.name)) ?? 'not-found';
  }

  *tagScript(
    name: string,
    tag: string,
    isThere: boolean,
    tagsMax: number,
    event: NewMachineEvent,
  ): Steps<Script | 'not-found' | 'limit'> {
    const script = yield* this.#find(name);
    if (script === undefined) return 'not-found';
    if (script.tags.includes(tag) === isThere) return script;
    if (isThere && script.tags.length >= tagsMax) return 'limit';
    const tags = isThere ? [...script.tags, tag] : script.tags.filter((candidate) => candidate !== tag);
    yield run('UPDATE script SET tags = ? WHERE name = ?', JSON.stringify(tags), name);
    yield* this.addChange(event, script, { ...script, tags });
    return { ...script, tags };
  }

  *removeScript(name: string, event: NewMachineEvent): Steps<boolean> {
    return yield* this.changed(run('DELETE FROM script WHERE name = ?', name), event);
  }

  *beginRun(
    systemId: string,
    purpose: ScriptKind,
    planned: readonly PlannedScript[],
    atMs: number,
  ): Steps<readonly ScriptResult[] | undefined> {
    const machine = numberIn(yield one(MACHINE, systemId));
    if (machine === 0) return undefined;
    yield* this.#endNewest(machine, atMs);
    const newRun = 'INSERT INTO script_run (machine_id, purpose, begun_ms) VALUES (?, ?, ?) RETURNING id';
    const runId = numberIn(yield one(newRun, machine, purpose, atMs));
    for (const [position, { name, kind, timeoutSeconds }] of planned.entries()) {
      const sql = `INSERT INTO script_result (run_id, position, name, kind, status, timeout_seconds, output, output_bytes)
        VALUES (?, ?, ?, ?, 'pending', ?, ?, 0)`;
      yield run(sql, runId, position, name, kind, timeoutSeconds, new Uint8Array());
    }
    yield run(
      `DELETE FROM script_run WHERE machine_id = ?1 AND id NOT IN
        (SELECT id FROM script_run WHERE machine_id = ?1 ORDER BY id DESC LIMIT ${RUNS_MAX})`,
      machine,
    );
    yield* noteRuns(machine);
    return yield* this.#list(systemId, { run: runId });
  }

  *listResults(systemId: string, filter: ResultFilter = {}): Steps<readonly ScriptResult[]> {
    return yield* this.#list(systemId, filter);
  }

  *changeResult(
    systemId: string,
    id: number,
    decide: (result: RawResult) => ResultChange | undefined,
  ): Steps<RawResult | undefined> {
    const sql = `${RESULT('output')} WHERE script_result.id = ? AND run_id = (${NEWEST_RUN.replace('?', `(${MACHINE})`)})`;
    const { row } = yield one(sql, id, systemId);
    if (row === undefined) return undefined;
    const result = readRaw(row);
    const change = result.endedMs === undefined ? decide(result) : undefined;
    if (change === undefined) return result;
    const next = { ...result, ...change };
    yield run(
      `UPDATE script_result SET status = ?, exit_status = ?, started_ms = ?, ended_ms = ?, output = ?, output_bytes = ? WHERE id = ?`,
      next.status,
      next.exitStatus ?? null,
      next.startedMs ?? null,
      next.endedMs ?? null,
      next.tail,
      next.outputBytes,
      id,
    );
    if (next.status !== result.status) yield* noteRuns(numberIn(yield one(MACHINE, systemId)));
    return next;
  }

  /** If none of the run's scripts has started; otherwise aborts the unfinished ones. */
  *#endNewest(machine: number, atMs: number): Steps<void> {
    const runId = numberIn(yield one(NEWEST_RUN, machine));
    const query = "SELECT count(*) FROM script_result WHERE run_id = ? AND status <> 'pending'";
    if (numberIn(yield one(query, runId)) === 0) yield run('DELETE FROM script_run WHERE id = ?', runId);
    const sql = "UPDATE script_result SET status = 'aborted', ended_ms = ? WHERE run_id = ? AND ended_ms IS NULL";
    yield run(sql, atMs, runId);
  }

  *#find(name: string): Steps<Script | undefined> {
    const { row } = yield one(`${SCRIPT} WHERE name = ?`, name);
    return row === undefined ? undefined : readScript(row);
  }

  *#list(systemId: string, { runs = RUNS_MAX, run, withOutput = true }: ResultFilter): Steps<readonly ScriptResult[]> {
    const which =
      run === undefined
        ? 'run_id IN (SELECT id FROM script_run WHERE machine_id = machine.id ORDER BY id DESC LIMIT ?)'
        : 'run_id = ?';
    const sql = `${RESULT(withOutput ? 'output' : 'NULL')} WHERE machine.system_id = ? AND ${which}
      ORDER BY run_id DESC, script_result.position`;
    return (yield all(sql, systemId, run ?? runs)).rows.map((row) => {
      const { tail, ...result } = readRaw(row);
      return { ...result, output: outputText(tail) };
    });
  }
}

const NEWEST_SQL = `SELECT run_id, purpose, status FROM script_result JOIN script_run ON script_run.id = run_id
  WHERE run_id IN (SELECT max(id) FROM script_run WHERE machine_id = ? GROUP BY purpose) ORDER BY run_id`;
const NOTE_SQL = 'UPDATE machine SET runs = ?1 WHERE id = ?2 AND runs IS DISTINCT FROM ?1';

/** Notes the runs in the row of the machine. */
export function* noteRuns(machine: number): Steps<void> {
  const rows = (yield all(NEWEST_SQL, machine)).rows.map(readRunRow);
  const newest = SCRIPT_KINDS.flatMap((kind): readonly (readonly [ScriptKind, NewestRuns[ScriptKind]])[] => {
    const own = rows.filter(({ purpose }) => purpose === kind);
    const status = summarizeRunStatus(
      own.flatMap((result) => RESULT_STATUSES.filter((status) => status === result.status)),
    );
    const [first] = own;
    return first === undefined || status === undefined ? [] : [[kind, { id: first.run, status }]];
  });
  yield run(NOTE_SQL, newest.length === 0 ? null : JSON.stringify(Object.fromEntries(newest)), machine);
}

const readRunRow = (row: Row) => ({
  run: number('run_id').read(row),
  purpose: row.purpose,
  status: row.status,
});

const readRaw = codec<RawResult>({
  id: number('id'),
  systemId: text('system_id'),
  run: number('run_id'),
  purpose: oneWord('purpose', SCRIPT_KINDS),
  name: text('name'),
  kind: oneWord('kind', ['builtin', ...SCRIPT_KINDS]),
  status: oneWord('status', RESULT_STATUSES),
  exitStatus: optional(number('exit_status')),
  startedMs: optional(number('started_ms')),
  endedMs: optional(number('ended_ms')),
  timeoutSeconds: number('timeout_seconds'),
  outputBytes: number('output_bytes'),
  tail: mapped(
    optional(bytes('output')),
    (output) => output ?? new Uint8Array(),
    (output) => output,
  ),
}).read;
