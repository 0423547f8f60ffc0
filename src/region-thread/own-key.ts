// The SSH key with which this process reaches hypervisors: the region's, with a copy as a file in the state directory.

import type { Clock } from '../clock.ts';
import { hasSshKey, openSshIdentity, type SshIdentity } from '../power/ssh-identity.ts';
import type { RegionStore } from '../region/records/store.ts';

interface OwnKeyParts {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly store: Pick<RegionStore, 'sshKey'>;
}

export class OwnKey {
  readonly #parts: OwnKeyParts;
  #identity: Promise<SshIdentity> | undefined;

  constructor(parts: OwnKeyParts) {
    this.#parts = parts;
  }

  /** Stores this directory's key if the store has none, because hypervisors already accept it. */
  keep(): void {
    // A failure is reported by the first command that needs the key.
    if (hasSshKey(this.#parts.stateDir)) this.identity().catch(() => undefined);
  }

  identity(): Promise<SshIdentity> {
    const { stateDir, clock, store } = this.#parts;
    this.#identity ??= openSshIdentity(stateDir, clock, store.sshKey).catch((error: unknown) => {
      // The next caller tries again.
      this.#identity = undefined;
      throw error;
    });
    return this.#identity;
  }
}
