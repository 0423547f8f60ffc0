// The port to the store of the machine life cycle without the machines themselves: tags, SSH keys, machines' API keys, user data.
//
// 1. One method is one transaction, as in `store.ts`.

import type { MachineCredentials } from './machine-credentials.ts';
import type { NewMachineEvent } from './machine-event.ts';

/** A key with which a person logs in to machines they deployed. */
export interface SshKey {
  readonly id: number;
  readonly username: string;
  /** One line of an `authorized_keys` file, checked by `ssh-keys.ts`. */
  readonly key: string;
  /** The published list from which it was imported, `lp:NAME` or `gh:NAME`; `undefined`: a person entered it. */
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
  /** Creation time, wall time in milliseconds. */
  readonly createdMs: number;
}

export interface LifeStore {
  /** `exists`: the user already has this key. `limit`: they already have `keysMax`. */
  addSshKey(key: Omit<SshKey, 'id'>, keysMax: number, event: NewMachineEvent): Promise<SshKey | 'exists' | 'limit'>;
  /** How many keys each user has, by name; users without one are absent. */
  countSshKeys(): Promise<ReadonlyMap<string, number>>;
  /** In the order of their addition. */
  listSshKeys(username: string): Promise<readonly SshKey[]>;
  /** @returns false if the user has no such key */
  removeSshKey(username: string, id: number, event: NewMachineEvent): Promise<boolean>;

  /** How many machines have each tag, by its name; unused tags are absent. */
  countTagged(): Promise<ReadonlyMap<string, number>>;
  /** In the order of their names. */
  listTags(): Promise<readonly Tag[]>;
  /** `exists`: the name is taken. `limit`: `tagsMax` tags exist already. */
  addTag(tag: Tag, tagsMax: number, event: NewMachineEvent): Promise<'added' | 'exists' | 'limit'>;
  /** Changes a tag, including its name. `not-found`: no such tag. `exists`: the new name is taken. */
  changeTag(name: string, tag: Tag, event: NewMachineEvent): Promise<'changed' | 'exists' | 'not-found'>;
  /** @returns false if there is no such tag */
  removeTag(name: string, event: NewMachineEvent): Promise<boolean>;
  /** Adds a tag to machines and removes it from others; unknown ids are skipped. @returns undefined if there is no such tag */
  tagMachines(
    name: string,
    add: readonly string[],
    remove: readonly string[],
    event: NewMachineEvent,
  ): Promise<{ readonly added: number; readonly removed: number } | undefined>;

  /** The user data that a machine's system runs at its first start; undefined: none. */
  userData(systemId: string): Promise<Uint8Array | undefined>;

  /** A machine's key; undefined: none. */
  machineKey(systemId: string): Promise<MachineKey | undefined>;
  /** The key with this token; `undefined` if it is unknown or revoked. */
  findMachineKey(tokenKey: string): Promise<MachineKey | undefined>;
  /** Stores a key, unless the machine has one. @returns the machine's key; `undefined` if there is no such machine */
  keepMachineKey(key: MachineKey): Promise<MachineKey | undefined>;
}
