// Operations on the page's sessions in region.db (`steps.ts`).

import type { StoredSession } from '../../region/records/session-store.ts';
import type { User } from '../../region/records/user.ts';
import { codec, composeInsert, number, text } from '../rows.ts';
import { one, readFirstNumber, run, type Steps } from '../steps.ts';
import { readUser } from './region-rows.ts';

/**
 * Removes a session to make room for a new one: of the account with the most sessions, the session
 * unused for longest.
 */
const GIVE_WAY_SQL =
  'DELETE FROM session WHERE digest = (SELECT digest FROM session WHERE account_id = (SELECT account_id FROM session GROUP BY account_id ' +
  'ORDER BY count(*) DESC, account_id = ? DESC, min(used_ms) LIMIT 1) ORDER BY used_ms, begun_ms LIMIT 1)';

/** The table `session`. */
export const sessionTable = {
  *open(username: string, session: StoredSession, max: number, overMs: number): Steps<void> {
    const account = readFirstNumber(yield one('SELECT id FROM account WHERE username = ?', username));
    if (account === 0) return;
    yield run('DELETE FROM session WHERE used_ms < ?', overMs);
    // Two processes that add a session at the same time may have exceeded the bound.
    const count = readFirstNumber(yield one('SELECT count(*) FROM session'));
    for (let remaining = count; remaining >= max; remaining -= 1) yield run(GIVE_WAY_SQL, account);
    yield run(composeInsert('session', ['account_id', ...SESSION.names]), account, ...SESSION.values(session));
  },

  *find(digest: string): Steps<{ session: StoredSession; user: User } | undefined> {
    const { row } = yield one(
      'SELECT session.*, account.* FROM session JOIN account ON account.id = session.account_id WHERE session.digest = ?',
      digest,
    );
    if (row === undefined) return undefined;
    return { session: SESSION.read(row), user: readUser(row) };
  },

  *note(digest: string, { usedMs, notice }: Partial<StoredSession>): Steps<void> {
    yield run(
      'UPDATE session SET used_ms = coalesce(?, used_ms), notice = coalesce(?, notice) WHERE digest = ?',
      usedMs ?? null,
      notice ?? null,
      digest,
    );
  },

  *close(digest: string): Steps<boolean> {
    const { changes } = yield run('DELETE FROM session WHERE digest = ?', digest);
    return changes > 0;
  },
};

const SESSION = codec<StoredSession>({
  digest: text('digest'),
  passwordDigest: text('password_digest'),
  begunMs: number('begun_ms'),
  usedMs: number('used_ms'),
  notice: text('notice'),
});
