// Which desired state the racks have in force: who restarts a machine waits until the rack that answers it knows its new state.
//
//   change ── version n ─► racks ── applied n ─► waits of this machine end
//                            └──── bound ──────► they end, too, and say so
//
// 1. Nobody waits longer than it says: a rack that is slow or away delays, and never prevents.
// 2. A rack that has said nothing of its state yet is not waited for.

import type { Clock } from '../../clock.ts';
import type { Ipv4 } from '../../net/address.ts';
import { isAway, type Rack } from '../records/rack.ts';

/** What is asked of the racks. */
export interface KnownRacks {
  list(): readonly Rack[];
  isOf(rack: Rack, address: Ipv4): boolean;
}

/** The part of a machine that tells which racks boot it. */
export interface BootedMachine {
  readonly interfaces: readonly { readonly address?: Ipv4 | undefined }[];
}

/** What the racks have acknowledged. */
export class Acknowledgements {
  readonly #racks: KnownRacks;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  /** Of the rack of this process; undefined: it has not said. */
  #own: number | undefined;

  constructor(racks: KnownRacks, clock: Clock) {
    this.#racks = racks;
    this.#clock = clock;
  }

  /** The rack of this process has put a version into force; 0: it is about to say which. */
  ownApplied(version: number): void {
    this.#own = version;
    this.told();
  }

  /** A rack has said which version it has in force. */
  told(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `listener` whenever a rack has said what it has in force. @returns how to end that */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Names of the racks that can boot the machine and have not put this version into force yet; empty: it may start. */
  missing(machine: BootedMachine, version: number): readonly string[] {
    const nowMs = this.#clock.wallTimeMs();
    const accepted = this.#racks.list().filter((rack) => rack.state === 'accepted' && !isAway(rack, nowMs));
    const near = accepted.filter((rack) =>
      machine.interfaces.some(({ address }) => address !== undefined && this.#racks.isOf(rack, address)),
    );
    // Where it was never seen, each of them may be the one that boots it.
    return (near.length === 0 ? accepted : near)
      .filter((rack) => (this.#appliedBy(rack) ?? version) < version)
      .map(({ name }) => name);
  }

  /** Ends when `missing` is empty, true; after `boundMs` in any case, false. */
  async settled(machine: BootedMachine, version: number, boundMs: number): Promise<boolean> {
    const isSettled = (): boolean => this.missing(machine, version).length === 0;
    if (isSettled()) return true;
    const end = Promise.withResolvers<boolean>();
    const unsubscribe = this.subscribe(() => isSettled() && end.resolve(true));
    const timer = this.#clock.schedule(boundMs, () => end.resolve(false));
    const isDone = await end.promise;
    unsubscribe();
    timer.cancel();
    return isDone;
  }

  #appliedBy(rack: Rack): number | undefined {
    return rack.isEmbedded ? this.#own : rack.pulse?.applied;
  }
}
