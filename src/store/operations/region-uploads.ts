// Operations on uploads in region.db (`region-steps.ts`).
//
// 1. An unreadable upload is left out of the list; all others continue.

import { type ImportReason, importReason } from '../../region/records/import-reason.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { type ImageUpload, type NewUpload, UPLOADS_MAX, type UploadStep } from '../../region/records/upload-store.ts';
import { converted, number, optionalText, type Row, readsRow, text } from '../rows.ts';
import { type Readable, RowReader } from './readable-rows.ts';
import type { EventTable } from './region-events.ts';
import { all, numberIn, one, run, type Steps } from './region-steps.ts';

/** The table `boot_upload`. */
export class UploadTable {
  readonly #events: EventTable;

  constructor(events: EventTable) {
    this.#events = events;
  }

  *list(): Steps<Readable<readonly ImageUpload[]>> {
    const { rows } = yield all('SELECT * FROM boot_upload ORDER BY id');
    const reader = new RowReader();
    return { found: reader.readEach(rows, readUpload), errors: reader.errors };
  }

  *begin(upload: NewUpload, event: NewMachineEvent): Steps<ImageUpload | 'limit'> {
    const { name, title, fileType, bytes, sha256, username, createdMs } = upload;
    if (numberIn(yield one('SELECT count(*) FROM boot_upload WHERE name <> ?', name)) >= UPLOADS_MAX) return 'limit';
    yield run('DELETE FROM boot_upload WHERE name = ?', name);
    const { row } = yield one(
      `INSERT INTO boot_upload (name, title, file_type, bytes, sha256, received, place, username, created_ms, changed_ms)
        VALUES (?, ?, ?, ?, ?, 0, '', ?, ?, ?) RETURNING *`,
      name,
      title,
      fileType,
      bytes,
      sha256,
      username,
      createdMs,
      createdMs,
    );
    yield* this.#events.add(event, undefined);
    return row === undefined ? 'limit' : readUpload(row);
  }

  *advance(id: number, { from, to, place, atMs }: UploadStep): Steps<boolean> {
    const sql =
      'UPDATE boot_upload SET received = ?, place = ?, changed_ms = ? WHERE id = ? AND received = ? AND reason IS NULL';
    return (yield run(sql, to, place, atMs, id, from)).changes > 0;
  }

  *fail(id: number, reason: ImportReason, event: NewMachineEvent): Steps<boolean> {
    const sql = 'UPDATE boot_upload SET reason = ?, changed_ms = ? WHERE id = ?';
    if ((yield run(sql, JSON.stringify(reason), event.atMs, id)).changes === 0) return false;
    yield* this.#events.add(event, undefined);
    return true;
  }

  *remove(id: number, event?: NewMachineEvent): Steps<boolean> {
    if ((yield run('DELETE FROM boot_upload WHERE id = ?', id)).changes === 0) return false;
    if (event !== undefined) yield* this.#events.add(event, undefined);
    return true;
  }
}

/** Why an upload failed; undefined: it has not failed. */
function reasonIn(row: Row): ImportReason | undefined {
  const stored = optionalText(row, 'reason');
  if (stored === undefined) return undefined;
  return converted('reason', stored, (reason) => importReason.parse(JSON.parse(reason)));
}

/** The hash, which becomes a part of a file's name. */
const hashIn = (row: Row): string =>
  converted('sha256', text(row, 'sha256'), (hash) => {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new TypeError('no SHA-256 in hexadecimal');
    return hash;
  });

const readUpload = readsRow(
  'boot_upload',
  (row): ImageUpload => ({
    id: number(row, 'id'),
    name: text(row, 'name'),
    title: text(row, 'title'),
    fileType: text(row, 'file_type'),
    bytes: number(row, 'bytes'),
    sha256: hashIn(row),
    received: number(row, 'received'),
    place: text(row, 'place'),
    reason: reasonIn(row),
    username: text(row, 'username'),
    createdMs: number(row, 'created_ms'),
    changedMs: number(row, 'changed_ms'),
  }),
);
