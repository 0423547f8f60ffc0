// Operations on uploads in region.db (`steps.ts`).

import type { ImportReason } from '../../region/records/import-reason.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { type ImageUpload, type NewUpload, UPLOADS_MAX, type UploadStep } from '../../region/records/upload-store.ts';
import { codec, json, number, optional, text } from '../rows.ts';
import { all, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { LoggedTable } from './region-events.ts';

/** The table `boot_upload`. */
export class UploadTable extends LoggedTable {
  *list(): Steps<readonly ImageUpload[]> {
    return (yield all('SELECT * FROM boot_upload ORDER BY id')).rows.map(readUpload);
  }

  *begin(upload: NewUpload, event: NewMachineEvent): Steps<ImageUpload | 'limit'> {
    const { name, title, fileType, bytes, sha256, username, createdMs } = upload;
    if (readFirstNumber(yield one('SELECT count(*) FROM boot_upload WHERE name <> ?', name)) >= UPLOADS_MAX)
      return 'limit';
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
    yield* this.events.add(event);
    return row === undefined ? 'limit' : readUpload(row);
  }

  *advance(id: number, { from, to, place, atMs }: UploadStep): Steps<boolean> {
    const sql =
      'UPDATE boot_upload SET received = ?, place = ?, changed_ms = ? WHERE id = ? AND received = ? AND reason IS NULL';
    return (yield run(sql, to, place, atMs, id, from)).changes > 0;
  }

  *fail(id: number, reason: ImportReason, event: NewMachineEvent): Steps<boolean> {
    const sql = 'UPDATE boot_upload SET reason = ?, changed_ms = ? WHERE id = ?';
    return yield* this.changed(run(sql, JSON.stringify(reason), event.atMs, id), event);
  }

  *remove(id: number, event?: NewMachineEvent): Steps<boolean> {
    if ((yield run('DELETE FROM boot_upload WHERE id = ?', id)).changes === 0) return false;
    if (event !== undefined) yield* this.events.add(event);
    return true;
  }
}

const readUpload = codec<ImageUpload>({
  id: number('id'),
  name: text('name'),
  title: text('title'),
  fileType: text('file_type'),
  bytes: number('bytes'),
  sha256: text('sha256'),
  received: number('received'),
  place: text('place'),
  reason: optional(json<ImportReason>('reason')),
  username: text('username'),
  createdMs: number('created_ms'),
  changedMs: number('changed_ms'),
}).read;
