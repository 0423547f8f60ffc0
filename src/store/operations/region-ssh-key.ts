// Operations on the SSH key with which all processes of a region log in to hypervisors (`region-steps.ts`). Table `region_ssh_key`.
//
// 1. There is at most one key, and it is never replaced. If two processes store a key at the same time, the first wins: the transaction of
//    the other runs again, and finds the key.

import { text } from '../rows.ts';
import { one, run, type Steps } from './region-steps.ts';

/** The table `region_ssh_key`. */
export const sshKeyTable = {
  *find(): Steps<string | undefined> {
    const { row } = yield one('SELECT private_key FROM region_ssh_key WHERE id = 1');
    return row && readPrivateKey(row);
  },

  *keep(privateKey: string, atMs: number): Steps<string> {
    const stored = yield* sshKeyTable.find();
    if (stored !== undefined) return stored;
    yield run('INSERT INTO region_ssh_key (id, private_key, created_ms) VALUES (1, ?, ?)', privateKey, atMs);
    return privateKey;
  },
};

const readPrivateKey = text('private_key').read;
