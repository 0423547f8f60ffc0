// Accounts for tests that are not about passwords: each password is hashed once a process, for that takes a tenth of a second of a processor.

import type { Clock } from '../../../src/ground/clock.ts';
import { hashPassword, type NewUser } from '../../../src/region/accounts/accounts.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import type { User } from '../../../src/region/records/user.ts';

const hashes = new Map<string, Promise<string>>();

/** The hash of a password: the same each time. */
export function hashOnce(password: string, clock: Clock): Promise<string> {
  const hash = hashes.get(password) ?? hashPassword(password, clock);
  hashes.set(password, hash);
  return hash;
}

/** Adds an administrator, whose name must be free. */
export async function addAdmin(store: RegionStore, clock: Clock, account: NewUser): Promise<User> {
  const { username, email, password } = account;
  const passwordHash = await hashOnce(password, clock);
  const user = await store.accounts.addUser({
    username,
    email,
    passwordHash,
    isAdmin: true,
    createdMs: clock.wallTimeMs(),
  });
  if (user === undefined) throw new Error(`${username} exists`);
  return user;
}
