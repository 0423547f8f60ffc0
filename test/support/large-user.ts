// A change of a few kilobytes that a store acknowledges.

import { randomBytes } from 'node:crypto';
import type { RegionStore } from '../../src/region/records/store.ts';

/** @returns false if the user is there already */
export async function addLargeUser(store: RegionStore, username: string): Promise<boolean> {
  const user = { username, email: '', passwordHash: randomBytes(1500).toString('hex'), isAdmin: false, createdMs: 1 };
  return (await store.accounts.addUser(user)) !== undefined;
}
