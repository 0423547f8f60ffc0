// Operations on users' files in region.db (`steps.ts`).

import {
  FILE_BYTES_PER_USER_MAX,
  FILES_PER_USER_MAX,
  type FileInfo,
  type StoredFile,
} from '../../region/records/file-store.ts';
import { codec, number, type Row, text } from '../rows.ts';
import { all, needingSpace, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { claimAccount } from './claims.ts';

const OF_USER_SQL = 'account_id = (SELECT id FROM account WHERE username = ?)';

/** The table `stored_file`. */
export const fileTable = {
  *put(username: string, { name, key, content }: StoredFile, atMs: number): Steps<FileInfo | 'no-user' | 'limit'> {
    yield claimAccount(username);
    const accountId = readFirstNumber(yield one('SELECT id FROM account WHERE username = ?', username));
    if (accountId === 0) return 'no-user';
    const { row } = yield one(
      'SELECT count(*) AS files, CAST(coalesce(sum(length(content)), 0) AS BIGINT) AS bytes FROM stored_file ' +
        'WHERE account_id = ? AND name <> ?',
      accountId,
      name,
    );
    const { files, bytes } = row === undefined ? { files: 0, bytes: 0 } : readSums(row);
    if (files >= FILES_PER_USER_MAX || bytes + content.length > FILE_BYTES_PER_USER_MAX) return 'limit';
    const sql =
      'INSERT INTO stored_file (account_id, name, key, content, created_ms) VALUES (?, ?, ?, ?, ?) ' +
      'ON CONFLICT (account_id, name) DO UPDATE SET content = excluded.content RETURNING id, name, key';
    const stored = yield needingSpace(one(sql, accountId, name, key, content, atMs));
    return stored.row === undefined ? 'no-user' : readInfo(stored.row);
  },

  *find(username: string, name: string): Steps<StoredFile | undefined> {
    const { row } = yield one(
      `SELECT id, name, key, content FROM stored_file WHERE ${OF_USER_SQL} AND name = ?`,
      username,
      name,
    );
    return row === undefined ? undefined : readFile(row);
  },

  *findByKey(key: string): Steps<StoredFile | undefined> {
    const { row } = yield one('SELECT id, name, key, content FROM stored_file WHERE key = ?', key);
    return row === undefined ? undefined : readFile(row);
  },

  *list(username: string): Steps<readonly FileInfo[]> {
    return (yield all(`SELECT id, name, key FROM stored_file WHERE ${OF_USER_SQL} ORDER BY name`, username)).rows.map(
      readInfo,
    );
  },

  *remove(username: string, name: string): Steps<boolean> {
    return (yield run(`DELETE FROM stored_file WHERE ${OF_USER_SQL} AND name = ?`, username, name)).changes > 0;
  },
};

const readInfo = codec<FileInfo>({ name: text('name'), key: text('key') }).read;

const readFile = (row: Row): StoredFile => {
  const { content } = row;
  if (!(content instanceof Uint8Array)) throw new TypeError('the content is not bytes');
  return { name: text('name').read(row), key: text('key').read(row), content };
};

const readSums = codec({ files: number('files'), bytes: number('bytes') }).read;
