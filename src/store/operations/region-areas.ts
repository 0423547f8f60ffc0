// Operations on zones and pools in region.db (`steps.ts`).

import { AREAS_MAX, type Area, type AreaKind, DEFAULT_AREA, type WrittenArea } from '../../region/records/area.ts';
import type { ZoneMembers } from '../../region/records/area-store.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { codec, number, optional, type Row, text } from '../rows.ts';
import { ALONE, all, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { LoggedTable } from './region-events.ts';
import { countVersion, createRevision, drawVersion } from './region-versions.ts';

const COLUMNS: Readonly<Record<AreaKind, 'zone_id' | 'pool_id'>> = { zone: 'zone_id', pool: 'pool_id' };

/** The table `area`, and the columns of other tables that refer to it. */
export class AreaTable extends LoggedTable {
  *list(kind: AreaKind): Steps<readonly Area[]> {
    return (yield all('SELECT id, name, description FROM area WHERE kind = ? ORDER BY id', kind)).rows.map(readArea);
  }

  *add(kind: AreaKind, area: WrittenArea, event: NewMachineEvent): Steps<Area | 'exists' | 'limit'> {
    if (yield* this.#isTaken(kind, area.name, 0)) return 'exists';
    if (readFirstNumber(yield one('SELECT count(*) FROM area WHERE kind = ?', kind)) >= AREAS_MAX) return 'limit';
    const sql = 'INSERT INTO area (kind, name, description) VALUES (?, ?, ?) RETURNING id';
    const id = readFirstNumber(yield one(sql, kind, area.name, area.description));
    yield* this.events.add(event);
    return { ...area, id };
  }

  *change(kind: AreaKind, area: Area, event: NewMachineEvent): Steps<'changed' | 'exists' | 'not-found'> {
    const { id, name, description } = area;
    if (yield* this.#isTaken(kind, name, id)) return 'exists';
    const areaBefore = (yield* this.list(kind)).find((area) => area.id === id);
    if (areaBefore === undefined) return 'not-found';
    yield run('UPDATE area SET name = ?, description = ? WHERE kind = ? AND id = ?', name, description, kind, id);
    yield* this.addChange(event, areaBefore, area);
    // Racks know the name of a machine's pool.
    if (kind === 'pool') {
      const { rows } = yield all('SELECT id FROM machine WHERE pool_id = ?', id);
      yield* countVersion(rows.map(number('id').read));
    }
    return 'changed';
  }

  /** Removes an area; its machines and racks move to the default one. */
  *remove(kind: AreaKind, id: number, event: NewMachineEvent): Steps<boolean> {
    yield ALONE;
    if ((yield run('DELETE FROM area WHERE kind = ? AND id = ?', kind, id)).changes === 0) return false;
    const column = COLUMNS[kind];
    yield run(`UPDATE machine SET ${column} = NULL WHERE ${column} = ?`, id);
    if (kind === 'zone') {
      yield run('UPDATE rack SET zone_id = NULL, revision = ? WHERE zone_id = ?', createRevision(), id);
      yield* drawVersion('racks-version');
    }
    yield* this.events.add(event);
    return true;
  }

  *moveToZone(id: number, { systemIds, rackUuids }: ZoneMembers, event: NewMachineEvent): Steps<void> {
    const zone = id === 0 ? null : id;
    // One may be in the zone already, or have been deleted meanwhile: nothing happened to it.
    const selectMoved = (table: 'machine' | 'rack', name: string) =>
      `SELECT ${table}.id, ${name} AS rack, coalesce(area.name, '${DEFAULT_AREA}') AS zone FROM ${table} ` +
      `LEFT JOIN area ON area.id = ${table}.zone_id WHERE `;
    const { rows: machines } = yield all(
      `${selectMoved('machine', 'NULL')}system_id IN texts(?) AND machine.zone_id IS DISTINCT FROM ?`,
      JSON.stringify(systemIds),
      zone,
    );
    const { rows: racks } = yield all(
      `${selectMoved('rack', 'rack.name')}uuid IN texts(?) AND rack.zone_id IS DISTINCT FROM ?`,
      JSON.stringify(rackUuids),
      zone,
    );
    const ids = (rows: readonly Row[]) => JSON.stringify(rows.map(readId));
    if (machines.length > 0)
      yield run(
        'UPDATE machine SET zone_id = ?, updated_ms = ? WHERE id IN numbers(?)',
        zone,
        event.atMs,
        ids(machines),
      );
    if (racks.length > 0) {
      yield run('UPDATE rack SET zone_id = ?, revision = ? WHERE id IN numbers(?)', zone, createRevision(), ids(racks));
      yield* drawVersion('racks-version');
    }
    const addMove = (row: Row) =>
      event.code === 'zone-set' ? { ...event, params: { ...event.params, ...readMoved(row) } } : event;
    yield* this.events.addAll([
      ...machines.map((row) => ({ event: addMove(row), machineId: readId(row) })),
      ...racks.map((row) => ({ event: addMove(row), machineId: undefined })),
    ]);
  }

  *#isTaken(kind: AreaKind, name: string, excludedId: number): Steps<boolean> {
    if (name === DEFAULT_AREA) return true;
    const sql = 'SELECT id FROM area WHERE kind = ? AND name = ? AND id <> ?';
    return readFirstNumber(yield one(sql, kind, name, excludedId)) > 0;
  }
}

const readId = number('id').read;
const readMoved = codec<{ readonly from: string; readonly rack: string | undefined }>({
  from: text('zone'),
  rack: optional(text('rack')),
}).read;
const readArea = codec<Area>({ id: number('id'), name: text('name'), description: text('description') }).read;
