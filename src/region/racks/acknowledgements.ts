// The versions of the desired state that racks have in force. A command that restarts a machine
// waits until the racks that boot the machine know its new state.
//
//   change ── version n ─► racks ── applied n ─► commands that wait for this machine continue
//                            └──── timeout ────► they continue as well, with the result false
//
// 1. Every wait is bounded: a slow or absent rack delays a restart but never prevents it.
// 2. Commands do not wait for a rack that has never reported a version.

import type { Ipv4 } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { isAway, type Rack } from '../records/rack.ts';

export interface KnownRacks {
  list(): readonly Rack[];
  isOf(rack: Rack, address: Ipv4): boolean;
}

interface BootedMachine {
  readonly interfaces: readonly { readonly address?: Ipv4 | undefined }[];
}

export class Acknowledgements {
  readonly #racks: KnownRacks;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #own: number | undefined;

  constructor(racks: KnownRacks, clock: Clock) {
    this.#racks = racks;
    this.#clock = clock;
  }

  ownApplied(version: number): void {
    this.#own = version;
    this.reported();
  }

  reported(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * The names of the racks that can boot the machine but do not have this version in force yet;
   * empty if the machine may start.
   */
  missing(machine: BootedMachine, version: number): readonly string[] {
    const nowMs = this.#clock.wallTimeMs();
    const accepted = this.#racks.list().filter((rack) => rack.state === 'accepted' && !isAway(rack, nowMs));
    const near = accepted.filter((rack) =>
      machine.interfaces.some(({ address }) => address !== undefined && this.#racks.isOf(rack, address)),
    );
    // If the machine was never seen, any accepted rack may boot it.
    return (near.length === 0 ? accepted : near)
      .filter((rack) => (this.#appliedBy(rack) ?? version) < version)
      .map(({ name }) => name);
  }

  /** Resolves to true when `missing` is empty, or to false after `boundMs`. */
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
