// Whether the caller of an operation still has the account, and that of a long one the rights, with which it began.

import { type RefusalWord, refusal } from '../../records/refusal.ts';
import { ONLY_ADMINISTRATORS } from './answer.ts';
import type { ApiCall } from './operation.ts';

export const RIGHTS_CHANGED = 'Your account, your key or your rights changed during this request: try again.';

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

export const ACCOUNT_ENDED = 'Nothing was changed: your account, your key or your sign-in has ended. Sign in again.';

/** Why an operation for administrators ends; undefined: it continues. */
export function wordOfLost(lost: LostRights | undefined): RefusalWord | undefined {
  if (lost === 'ended') return refusal('not-authenticated', ACCOUNT_ENDED);
  return lost === 'demoted' ? refusal('not-allowed', ONLY_ADMINISTRATORS) : undefined;
}
