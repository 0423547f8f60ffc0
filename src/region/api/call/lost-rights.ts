// Whether the caller of an operation still has the account, and that of a long one the rights, with which it began.

import { type RefusalWord, refusal } from '../../words/refusal.ts';
import type { ApiCall } from './operation.ts';

/**
 * - `ended`: the account or the API key is deleted. Without a key: or the password changed, which ends sessions.
 * - `demoted`: the caller was an administrator, and no longer is.
 */
export type LostRights = 'ended' | 'demoted';

/** Notes how the caller is known. @returns a later check: the lost rights, or `undefined` if there are none. An operator of this host loses none */
export async function watchRights(call: ApiCall): Promise<() => Promise<LostRights | undefined>> {
  const { caller, peer, region } = call;
  const { store } = region;
  if (peer.isOperator) return async () => undefined;
  if (caller.kind !== 'user') return async () => 'ended';
  const { username, tokenKey } = caller;
  const before = await store.accounts.findUser(username);
  return async () => {
    const now = await store.accounts.findUser(username);
    const isKnown =
      tokenKey === undefined
        ? now?.passwordHash === before?.passwordHash
        : (await store.accounts.findKey(tokenKey))?.username === username;
    if (now === undefined || !isKnown) return 'ended';
    return caller.isAdmin && !now.isAdmin ? 'demoted' : undefined;
  };
}

/** Why an operation for administrators ends; undefined: it continues. */
export function wordOfLost(lost: LostRights | undefined): RefusalWord | undefined {
  if (lost === 'ended') return refusal('not-authenticated.ended');
  return lost === 'demoted' ? refusal('not-allowed.administrator') : undefined;
}
