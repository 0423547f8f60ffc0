// What the life of machines needs of the store beside the machines themselves: tags, the keys by which people log in, and what a
// deployed system is given to run.
//
// 1. One method is one transaction, as in `store.ts`.

import type { MachineCredentials } from './machine-credentials.ts';
import type { NewMachineEvent } from './machine-event.ts';

/** A key by which a person logs in to machines that they deployed. */
export interface SshKey {
  readonly id: number;
  readonly username: string;
  /** One line of an `authorized_keys` file, as `ssh-keys.ts` checked it. */
  readonly key: string;
  readonly createdMs: number;
}

/** Machines of one kind, and what their kernels are told. */
export interface Tag {
  readonly name: string;
  readonly comment: string;
  /** Kernel arguments instead of the global ones; empty: none. */
  readonly kernelParams: string;
}

/** The key by which a machine itself is known (`metadata/machine-keys.ts`). */
export interface MachineKey extends MachineCredentials {
  readonly systemId: string;
  /** Wall time in milliseconds at which it was drawn. */
  readonly createdMs: number;
}

export interface LifeStore {
  /** `exists`: this user has the key. `limit`: they have `keysMax` already. */
  addSshKey(key: Omit<SshKey, 'id'>, keysMax: number, event: NewMachineEvent): SshKey | 'exists' | 'limit';
  /** In the order in which they came. */
  listSshKeys(username: string): readonly SshKey[];
  /** False: this user has no such key. */
  removeSshKey(username: string, id: number, event: NewMachineEvent): boolean;

  /** In the order of their names. */
  listTags(): readonly Tag[];
  /** `exists`: the name is taken. `limit`: there are `tagsMax` already. */
  addTag(tag: Tag, tagsMax: number, event: NewMachineEvent): 'added' | 'exists' | 'limit';
  /** Changes a tag, its name too. `not-found`: there is none; `exists`: the new name is taken. */
  changeTag(name: string, tag: Tag, event: NewMachineEvent): 'changed' | 'exists' | 'not-found';
  /** False: there is no such tag. */
  removeTag(name: string, event: NewMachineEvent): boolean;
  /** Gives a tag to machines and takes it from others, those that have none of that id left out. Undefined: there is no such tag. */
  tagMachines(
    name: string,
    add: readonly string[],
    remove: readonly string[],
    event: NewMachineEvent,
  ): { readonly added: number; readonly removed: number } | undefined;

  /** What the system of a machine is given to run at its first start; undefined: nothing. */
  userData(systemId: string): Uint8Array | undefined;

  /** The key that a machine has; undefined: none. */
  machineKey(systemId: string): MachineKey | undefined;
  /** The key with this token; undefined: there is none, or it has ended. */
  findMachineKey(tokenKey: string): MachineKey | undefined;
  /** Keeps a key of a machine that has none. @returns the one that it has from now on; undefined: there is no such machine */
  keepMachineKey(key: MachineKey): MachineKey | undefined;
}
