// The region's side of the agent that works on a machine: which machine asks, what it is to do, what it tells.
//
//   agent ── token of its boot, at its present address ─► findWorker ─┬─ job        what to do
//                                                                    ├─ signal     how far it is
//                                                                    └─ keys, user data
//
// 1. Only the machine that a rack has booted for this work is answered: it shows the token of its boot, from where it is (`boot-token.ts`).
// 2. A machine is told nothing of another one.
// 3. The last word of a work that has ended may come again: it is answered as the first time, and changes nothing.

import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { type BootProof, provesBoot } from './boot-token.ts';
import { renderJob } from './job.ts';
import type { Machine } from './machine.ts';
import type { MachineLife } from './machine-life.ts';
import type { Rack } from './rack.ts';
import type { Signal } from './signal.ts';
import { networkOfAddress } from './static-addresses.ts';
import type { RegionStore } from './store.ts';

/** Machines that one address or interface may name. */
const CANDIDATES_MAX = 16;
/** Works that ended, whose last word may come again. */
const ENDED_MAX = 512;

export class MachineAgent {
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #life: MachineLife;
  readonly #racks: { list(): readonly Rack[] };
  /** Digests of tokens whose work ended by a signal, the oldest first. */
  readonly #ended = new Set<string>();

  constructor(store: RegionStore, clock: Clock, life: MachineLife, racks: { list(): readonly Rack[] }) {
    this.#store = store;
    this.#clock = clock;
    this.#life = life;
    this.#racks = racks;
  }

  /** The machine whose present boot this is; undefined: none. */
  findWorker(proof: BootProof): Machine | undefined {
    const { vouchedMac, address } = proof;
    const byMac = vouchedMac === undefined ? [] : this.#store.listMachines({ macs: [vouchedMac] }, 0, CANDIDATES_MAX);
    const byAddress = address === undefined ? [] : this.#store.listMachines({ seenAt: [address] }, 0, CANDIDATES_MAX);
    return [...byMac, ...byAddress].find((machine) => provesBoot(proof, machine));
  }

  /** What the machine is to do, in lines; that it asks is a sign of life. @param origin base address as the machine reaches us */
  job(machine: Machine, origin: string): string {
    this.#life.alive(machine.systemId, this.#clock.wallTimeMs());
    const [given] = machine.addresses;
    return renderJob(machine, {
      origin,
      image: this.#life.findImage(machine, machine.osystem, machine.release),
      network: given === undefined ? undefined : networkOfAddress(this.#racks.list(), given.address),
      hasUserData: this.#store.life.userData(machine.systemId) !== undefined,
    });
  }

  /** Takes a signal. False: this is no machine at work, and none that has just ended. */
  signal(proof: BootProof, signal: Signal): boolean {
    const machine = this.findWorker(proof);
    if (machine === undefined) return proof.token !== undefined && this.#ended.has(digestOf(proof.token));
    const outcome = this.#life.signal(machine.systemId, signal);
    const isOver = outcome.kind === 'changed' && outcome.machine.bootToken !== machine.bootToken;
    if (isOver && machine.bootToken !== undefined) this.#remember(machine.bootToken);
    return true;
  }

  /** The keys by which people log in to the machine, a line each. */
  sshKeys(machine: Machine): string {
    if (machine.owner === undefined) return '';
    return this.#store.life
      .listSshKeys(machine.owner)
      .map(({ key }) => `${key}\n`)
      .join('');
  }

  /** What its system runs at its first start; undefined: nothing. */
  userData(machine: Machine): Uint8Array | undefined {
    return this.#store.life.userData(machine.systemId);
  }

  #remember(token: string): void {
    this.#ended.add(digestOf(token));
    for (const oldest of this.#ended) {
      if (this.#ended.size <= ENDED_MAX) return;
      this.#ended.delete(oldest);
    }
  }
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');
