// Operations on the SSH key with which all processes of a region log in to hypervisors (`region-steps.ts`). Table `region_ssh_key`.
//
// 1. There is at most one key, and it is never replaced. If two processes store a key at the same time, the first wins: the transaction of
//    the other runs again, and finds the key.

import { readsRow, text } from '../rows.ts';
import { one, run, type Steps } from './region-steps.ts';

export function* findSshKey(): Steps<string | undefined> {
  const { row } = yield one('SELECT private_key FROM region_ssh_key WHERE id = 1');
  return row && readPrivateKey(row);
}

export function* keepSshKey(privateKey: string, atMs: number): Steps<string> {
  const stored = yield* findSshKey();
  if (stored !== undefined) return stored;
  yield run('INSERT INTO region_ssh_key (id, private_key, created_ms) VALUES (1, ?, ?)', privateKey, atMs);
  return privateKey;
}

const readPrivateKey = readsRow('region_ssh_key', (row) => text(row, 'private_key'));
