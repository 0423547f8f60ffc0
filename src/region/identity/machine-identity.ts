// Which machines of the records are one and which are two, as people say it; and what there is to say so by.
//
// 1. Every change is an audit event that names who did it.

import type { Clock } from '../../clock.ts';
import type { MacAddress } from '../../net/address.ts';
import type { Machine } from '../records/machine.ts';
import type { Conflict, MachineChangeOutcome, RegionStore, SplitOutcome } from '../records/store.ts';
import { IDENTITY_KINDS, type IdentityKind, identityKey } from './evidence.ts';
import { decideMerge, decideSplit, type IdentityRefusal } from './merge.ts';
import { machineEvidence } from './recognition.ts';

/** Conflicts of one machine that are shown. */
const CONFLICTS_SHOWN_MAX = 20;

/** One thing by which a machine is recognised. */
export interface EvidenceLine {
  readonly kind: 'mac' | IdentityKind;
  readonly value: string | MacAddress;
  /** It is not evidence: several machines show it. */
  readonly isShared: boolean;
  /** Of an address: it is carried from one machine to the next; a rack vouched for it at the newest report. */
  readonly isPortable: boolean;
  readonly isVouched: boolean;
}

/** By what a machine is recognised, and which machines may be it. */
export interface IdentityView {
  readonly machine: Machine;
  readonly lines: readonly EvidenceLine[];
  readonly conflicts: readonly Conflict[];
}

export class MachineIdentity {
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #onChange: (changed: readonly Machine[], removed: readonly string[]) => void;

  /** @param onChange told after each change, of machines as they are now and of those that are gone */
  constructor(
    store: RegionStore,
    clock: Clock,
    onChange: (changed: readonly Machine[], removed: readonly string[]) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Undefined: there is no such machine. */
  view(systemId: string): IdentityView | undefined {
    const machine = this.#store.findMachine(systemId);
    if (machine === undefined) return undefined;
    const evidence = machineEvidence(machine);
    const kinds = IDENTITY_KINDS.flatMap((kind) => {
      const value = evidence.values[kind];
      return value === undefined ? [] : [{ kind, value, key: identityKey(kind, value) }];
    });
    const shared = this.#store.sharedValues(kinds.map(({ key }) => key));
    const macs = machine.interfaces.map(({ mac }) => ({
      kind: 'mac' as const,
      value: mac,
      isShared: !evidence.macs.includes(mac),
      isPortable: evidence.portable.has(mac),
      isVouched: machine.vouchedMac === mac,
    }));
    const values = kinds.map(({ kind, value, key }) => ({
      kind,
      value,
      isShared: shared.has(key),
      isPortable: false,
      isVouched: false,
    }));
    return {
      machine,
      lines: [...macs, ...values],
      conflicts: this.#store.listConflicts(CONFLICTS_SHOWN_MAX, systemId),
    };
  }

  /** Makes one machine of two; the other's id is gone. */
  merge(keepId: string, otherId: string, username: string): MachineChangeOutcome<IdentityRefusal> {
    const atMs = this.#clock.wallTimeMs();
    const outcome = this.#store.mergeMachines<IdentityRefusal>(keepId, otherId, atMs, (keep, other) =>
      decideMerge(keep, other, { clock: this.#clock, atMs, username }),
    );
    if (outcome.kind === 'changed') this.#onChange([outcome.machine], [otherId]);
    return outcome;
  }

  /** Makes a New machine of some of the interfaces of one. */
  split(systemId: string, macs: readonly MacAddress[], username: string): SplitOutcome<IdentityRefusal> {
    const atMs = this.#clock.wallTimeMs();
    const outcome = this.#store.splitMachine<IdentityRefusal>(systemId, atMs, (machine, knowledge) =>
      decideSplit(machine, macs, knowledge, { clock: this.#clock, atMs, username }),
    );
    if (outcome.kind === 'changed') this.#onChange([outcome.machine, outcome.made], []);
    return outcome;
  }

  /** Remembers that two machines are two, whatever they show. False: one of them does not exist, or they are the same. */
  keepApart(systemId: string, otherId: string, username: string): boolean {
    const atMs = this.#clock.wallTimeMs();
    const description = `${otherId} was said to be another machine than ${systemId}`;
    return this.#store.keepApart(systemId, otherId, { type: 'NODE_IDENTITY_CHANGED', description, atMs, username });
  }
}
