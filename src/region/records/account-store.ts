// The port to the store of people's accounts and of API keys (`store/operations/region-accounts.ts`).
//
// 1. One method is one transaction, as in `store.ts`.

import type { NewMachineEvent } from './machine-event.ts';
import type { User, UserChange } from './user.ts';

/** The API key of a user or a machine. Only a digest of the secret is stored. */
export interface ApiKey {
  readonly tokenKey: string;
  readonly consumerKey: string;
  /** SHA-256 of the secret, 64 hexadecimal digits. */
  readonly secretDigest: string;
  readonly name: string;
  readonly username?: string | undefined;
  readonly systemId?: string | undefined;
  readonly createdMs: number;
  readonly usedMs: number;
}

/** A key, and what its owner may; undefined: a machine owns it. */
export type OwnedKey = ApiKey & { readonly owner: Pick<User, 'username' | 'email' | 'isAdmin'> | undefined };

export interface AccountStore {
  /** @returns undefined if the name is taken */
  addUser(user: Omit<User, 'id'>): Promise<User | undefined>;
  findUser(username: string): Promise<User | undefined>;
  listUsers(): Promise<readonly User[]>;
  /** @returns false if there is no such user */
  changeUser(username: string, change: UserChange, event: NewMachineEvent): Promise<boolean>;
  /** @returns false if there is no such user; removes their API keys and SSH keys, too */
  removeUser(username: string, event: NewMachineEvent): Promise<boolean>;
  /** @returns false if its owner has `keysMax` keys already */
  addKey(key: ApiKey, keysMax: number): Promise<boolean>;
  findKey(tokenKey: string): Promise<OwnedKey | undefined>;
  listKeys(username: string): Promise<readonly ApiKey[]>;
  markKeyUsed(tokenKey: string, atMs: number): Promise<void>;
  /** @returns false if the user has no such key */
  renameKey(username: string, tokenKey: string, name: string): Promise<boolean>;
  /** @returns false if the user has no such key */
  removeKey(username: string, tokenKey: string): Promise<boolean>;
}
