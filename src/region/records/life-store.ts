// The port to the store of tags, SSH keys, machines' API keys and user data.
//
// 1. One method is one transaction, as in `store.ts`.

import type { NewMachineEvent } from './machine-event.ts';

/** A person logs in with it to machines they deployed. */
export interface SshKey {
  readonly id: number;
  readonly username: string;
  /** One line of an `authorized_keys` file, checked by `ssh-keys.ts`. */
  readonly key: string;
  /** The list from which it was imported, `lp:NAME` or `gh:NAME`; `undefined`: a person entered it. */
  readonly source?: string | undefined;
  readonly createdMs: number;
}

/** A label for machines, and the kernel arguments that go with it. */
export interface Tag {
  readonly name: string;
  readonly comment: string;
  /** Kernel arguments instead of the global ones; empty: none. */
  readonly kernelParams: string;
  /** The expression that finds its machines (`xpath.ts`); `undefined`: people assign the tag. */
  readonly definition?: string | undefined;
}

/** A machine's own API key (`metadata/machine-keys.ts`). */
export interface MachineKey extends MachineCredentials {
  readonly systemId: string;
  readonly createdMs: number;
}

export interface LifeStore {
  /** `exists`: the user already has this key. `limit`: they already have `keysMax`. */
  addSshKey(key: Omit<SshKey, 'id'>, keysMax: number, event: NewMachineEvent): Promise<SshKey | 'exists' | 'limit'>;
  /** Users without one are absent. */
  countSshKeys(): Promise<ReadonlyMap<string, number>>;
  /** Lists the SSH keys in the order of their addition. */
  listSshKeys(username: string): Promise<readonly SshKey[]>;
  /** @returns false if the user has no such key */
  removeSshKey(username: string, id: number, event: NewMachineEvent): Promise<boolean>;

  /** Unused tags are absent. */
  countTagged(): Promise<ReadonlyMap<string, number>>;
  /** Lists the tags in the order of their names. */
  listTags(): Promise<readonly Tag[]>;
  /** `exists`: the name is taken. `limit`: `tagsMax` tags exist already. */
  addTag(tag: Tag, tagsMax: number, event: NewMachineEvent): Promise<'added' | 'exists' | 'limit'>;
  /** `exists`: the new name is taken. */
  changeTag(name: string, tag: Tag, event: NewMachineEvent): Promise<'changed' | 'exists' | 'not-found'>;
  /** @returns false if there is no such tag */
  removeTag(name: string, event: NewMachineEvent): Promise<boolean>;
  /** Unknown ids are skipped. @returns undefined if there is no such tag */
  tagMachines(
    name: string,
    add: readonly string[],
    remove: readonly string[],
    event: NewMachineEvent,
  ): Promise<{ readonly added: number; readonly removed: number } | undefined>;

  /** Undefined: none. */
  userData(systemId: string): Promise<Uint8Array | undefined>;

  machineKey(systemId: string): Promise<MachineKey | undefined>;
  /** `undefined` if it is unknown or revoked. */
  findMachineKey(tokenKey: string): Promise<MachineKey | undefined>;
  /** @returns the key that the machine had already, or this one; `undefined` if there is no such machine */
  keepMachineKey(key: MachineKey): Promise<MachineKey | undefined>;
}

/** A machine's API key: three words without spaces. */
export interface MachineCredentials {
  readonly consumerKey: string;
  readonly tokenKey: string;
  readonly tokenSecret: string;
}
