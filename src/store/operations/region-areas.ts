// Operations on zones and pools in region.db (`region-steps.ts`).

import { AREAS_MAX, type Area, type AreaKind, DEFAULT_AREA, type WrittenArea } from '../../region/records/area.ts';
import type { ZoneMembers } from '../../region/records/area-store.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { codec, number, text } from '../rows.ts';
import { LoggedTable, readSystemId } from './region-events.ts';
import { ALONE, all, numberIn, one, run, type Steps } from './region-steps.ts';
import { countVersion, drawVersion, newRevision } from './region-versions.ts';

const COLUMNS: Readonly<Record<AreaKind, 'zone_id' | 'pool_id'>> = { zone: 'zone_id', pool: 'pool_id' };

/** The table `area`, and the columns of other tables that refer to it. */
export class AreaTable extends LoggedTable {
  *list(kind: AreaKind): Steps<readonly Area[]> {
    return (yield all('SELECT id, name, description FROM area WHERE kind = ? ORDER BY id', kind)).rows.map(readArea);
  }

  *add(kind: AreaKind, area: WrittenArea, event: NewMachineEvent): Steps<Area | 'exists' | 'limit'> {
    if (yield* this.#isTaken(kind, area.name, 0)) return 'exists';
    if (numberIn(yield one('SELECT count(*) FROM area WHERE kind = ?', kind)) >= AREAS_MAX) return 'limit';
    const sql = 'INSERT INTO area (kind, name, description) VALUES (?, ?, ?) RETURNING id';
    const id = numberIn(yield one(sql, kind, area.name, area.description));
    yield* this.events.add(event);
    return { ...area, id };
  }

  *change(
    kind: AreaKind,
    { id, name, description }: Area,
    event: NewMachineEvent,
  ): Steps<'changed' | 'exists' | 'not-found'> {
    if (yield* this.#isTaken(kind, name, id)) return 'exists';
    const sql = 'UPDATE area SET name = ?, description = ? WHERE kind = ? AND id = ?';
    if (!(yield* this.changed(run(sql, name, description, kind, id), event))) return 'not-found';
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
      yield run('UPDATE rack SET zone_id = NULL, revision = ? WHERE zone_id = ?', newRevision(), id);
      yield drawVersion('racks-version');
    }
    yield* this.events.add(event);
    return true;
  }

  *moveToZone(id: number, { systemIds, rackUuids }: ZoneMembers, event: NewMachineEvent): Steps<void> {
    const zone = id === 0 ? null : id;
    if (systemIds.length > 0) {
      // A machine may have been deleted meanwhile: nothing happened to it.
      const sql = 'UPDATE machine SET zone_id = ?, updated_ms = ? WHERE system_id IN texts(?) RETURNING system_id';
      const { rows } = yield all(sql, zone, event.atMs, JSON.stringify(systemIds));
      yield* this.events.recordEvents(rows.map((row) => ({ systemId: readSystemId(row), event })));
    }
    if (rackUuids.length === 0) return;
    const sql = 'UPDATE rack SET zone_id = ?, revision = ? WHERE uuid IN texts(?)';
    if ((yield run(sql, zone, newRevision(), JSON.stringify(rackUuids))).changes === 0) return;
    yield drawVersion('racks-version');
    yield* this.events.add(event);
  }

  *#isTaken(kind: AreaKind, name: string, otherThan: number): Steps<boolean> {
    if (name === DEFAULT_AREA) return true;
    const sql = 'SELECT id FROM area WHERE kind = ? AND name = ? AND id <> ?';
    return numberIn(yield one(sql, kind, name, otherThan)) > 0;
  }
}

const readArea = codec<Area>({ id: number('id'), name: text('name'), description: text('description') }).read;
