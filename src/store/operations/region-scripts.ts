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
  bytes,
  codec,
  composeAssignments,
  composeInsert,
  flag,
  json,
  mapColumn,
  number,
  optional,
  type Row,
  text,
  wordColumn,
} from '../rows.ts';
import { all, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { LoggedTable } from './region-events.ts';

const scriptColumns = {
  name: text('name'),
  kind: wordColumn('kind', SCRIPT_KINDS),
  title: text('title'),
  description: text('description'),
  timeoutSeconds: number('timeout_seconds'),
  position: number('position'),
  changedMs: number('changed_ms'),
  tags: json<Script['tags']>('tags'),
  hardware: wordColumn('hardware', SCRIPT_HARDWARE),
  parallel: wordColumn('parallel', SCRIPT_PARALLEL),
  isDestructive: flag('is_destructive'),
};
const WRITTEN_SCRIPT = codec<WrittenScript>({ ...scriptColumns, content: text('content') });
const readScript = codec<Script>({ id: number('id'), ...scriptColumns, bytes: number('bytes') }).read;
const SCRIPT_SQL = 'SELECT script.*, octet_length(content) AS bytes FROM script';
const composeResultSql = (
  output: string,
): string => `SELECT script_result.id, name, kind, script_result.status, exit_status, started_ms, ended_ms,
  timeout_seconds, output_bytes, run_id, purpose, machine.system_id, ${output} AS output FROM script_result
  JOIN script_run ON script_run.id = run_id JOIN machine ON machine.id = machine_id`;
const MACHINE_ID_SQL = 'SELECT id FROM machine WHERE system_id = ?';
const NEWEST_RUN_SQL = 'SELECT coalesce(max(id), 0) FROM script_run WHERE machine_id = ?';

export class ScriptTables extends LoggedTable {
  *listScripts(kind?: ScriptKind): Steps<readonly Script[]> {
    const scripts = (yield all(`${SCRIPT_SQL} ORDER BY position, name`)).rows.map(readScript);
    return kind === undefined ? scripts : scripts.filter((script) => script.kind === kind);
  }

  *findScript(name: string): Steps<(Script & { readonly content: string }) | undefined> {
    const { row } = yield one(`${SCRIPT_SQL} WHERE name = ?`, name);
    return row === undefined ? undefined : { ...readScript(row), content: text('content').read(row) };
  }

  *addScript(script: WrittenScript, scriptsMax: number, event: NewMachineEvent): Steps<Script | 'exists' | 'limit'> {
    if ((yield* this.#find(script.name)) !== undefined) return 'exists';
    if (readFirstNumber(yield one('SELECT count(*) FROM script')) >= scriptsMax) return 'limit';
    yield run(composeInsert('script', WRITTEN_SCRIPT.names), ...WRITTEN_SCRIPT.values(script));
    yield* this.events.add(event);
    return (yield* this.#find(script.name)) ?? 'limit';
  }

  *changeScript(name: string, script: WrittenScript, event: NewMachineEvent): Steps<Script | 'exists' | 'not-found'> {
    const scriptBefore = yield* this.findScript(name);
    if (scriptBefore === undefined) return 'not-found';
    if (script.name !== name && (yield* this.#find(script.name)) !== undefined) return 'exists';
    yield run(
      `UPDATE script SET ${composeAssignments(WRITTEN_SCRIPT.names)} WHERE name = ?`,
      ...WRITTEN_SCRIPT.values(script),
      name,
    );
    const { bytes: _, ...written } = scriptBefore;
    yield* this.addChange(event, written, script);
    return (yield* this.#find(script.name)) ?? 'not-found';
  }

  *tagScript(
    name: string,
    tag: string,
    isSet: boolean,
    tagsMax: number,
    event: NewMachineEvent,
  ): Steps<Script | 'not-found' | 'limit'> {
    const script = yield* this.#find(name);
    if (script === undefined) return 'not-found';
    if (script.tags.includes(tag) === isSet) return script;
    if (isSet && script.tags.length >= tagsMax) return 'limit';
    const tags = isSet ? [...script.tags, tag] : script.tags.filter((candidate) => candidate !== tag);
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
    const machine = readFirstNumber(yield one(MACHINE_ID_SQL, systemId));
    if (machine === 0) return undefined;
    yield* this.#endNewest(machine, atMs);
    const newRun = 'INSERT INTO script_run (machine_id, purpose, begun_ms) VALUES (?, ?, ?) RETURNING id';
    const runId = readFirstNumber(yield one(newRun, machine, purpose, atMs));
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
    yield* storeNewestRuns(machine);
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
    const sql = `${composeResultSql('output')} WHERE script_result.id = ? AND run_id = (${NEWEST_RUN_SQL.replace('?', `(${MACHINE_ID_SQL})`)})`;
    const { row } = yield one(sql, id, systemId);
    if (row === undefined) return undefined;
    const result = readRaw(row);
    const change = result.endedMs === undefined ? decide(result) : undefined;
    if (change === undefined) return result;
    const changedResult = { ...result, ...change };
    yield run(
      `UPDATE script_result SET status = ?, exit_status = ?, started_ms = ?, ended_ms = ?, output = ?, output_bytes = ? WHERE id = ?`,
      changedResult.status,
      changedResult.exitStatus ?? null,
      changedResult.startedMs ?? null,
      changedResult.endedMs ?? null,
      changedResult.tail,
      changedResult.outputBytes,
      id,
    );
    if (changedResult.status !== result.status)
      yield* storeNewestRuns(readFirstNumber(yield one(MACHINE_ID_SQL, systemId)));
    return changedResult;
  }

  /** Deletes the run if none of its scripts has started; otherwise aborts the unfinished scripts. */
  *#endNewest(machine: number, atMs: number): Steps<void> {
    const runId = readFirstNumber(yield one(NEWEST_RUN_SQL, machine));
    const query = "SELECT count(*) FROM script_result WHERE run_id = ? AND status <> 'pending'";
    if (readFirstNumber(yield one(query, runId)) === 0) yield run('DELETE FROM script_run WHERE id = ?', runId);
    const sql = "UPDATE script_result SET status = 'aborted', ended_ms = ? WHERE run_id = ? AND ended_ms IS NULL";
    yield run(sql, atMs, runId);
  }

  *#find(name: string): Steps<Script | undefined> {
    const { row } = yield one(`${SCRIPT_SQL} WHERE name = ?`, name);
    return row === undefined ? undefined : readScript(row);
  }

  *#list(systemId: string, { runs = RUNS_MAX, run, withOutput = true }: ResultFilter): Steps<readonly ScriptResult[]> {
    const runCondition =
      run === undefined
        ? 'run_id IN (SELECT id FROM script_run WHERE machine_id = machine.id ORDER BY id DESC LIMIT ?)'
        : 'run_id = ?';
    const sql = `${composeResultSql(withOutput ? 'output' : 'NULL')} WHERE machine.system_id = ? AND ${runCondition}
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
export function* storeNewestRuns(machine: number): Steps<void> {
  const rows = (yield all(NEWEST_SQL, machine)).rows.map(readRunRow);
  const newest = SCRIPT_KINDS.flatMap((kind): readonly (readonly [ScriptKind, NewestRuns[ScriptKind]])[] => {
    const ownRows = rows.filter(({ purpose }) => purpose === kind);
    const status = summarizeRunStatus(
      ownRows.flatMap((result) => RESULT_STATUSES.filter((status) => status === result.status)),
    );
    const [firstRow] = ownRows;
    return firstRow === undefined || status === undefined ? [] : [[kind, { id: firstRow.run, status }]];
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
  purpose: wordColumn('purpose', SCRIPT_KINDS),
  name: text('name'),
  kind: wordColumn('kind', ['builtin', ...SCRIPT_KINDS]),
  status: wordColumn('status', RESULT_STATUSES),
  exitStatus: optional(number('exit_status')),
  startedMs: optional(number('started_ms')),
  endedMs: optional(number('ended_ms')),
  timeoutSeconds: number('timeout_seconds'),
  outputBytes: number('output_bytes'),
  tail: mapColumn(
    optional(bytes('output')),
    (output) => output ?? new Uint8Array(),
    (output) => output,
  ),
}).read;
