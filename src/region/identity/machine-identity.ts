// People's commands to merge machines, to split one or to keep two apart, and the evidence shown
// for these decisions.
//
// 1. Every change is an audit event that names the person.

import type { MacAddress } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import type { MachineChangeOutcome, SplitOutcome } from '../records/decisions.ts';
import { IDENTITY_KINDS, type IdentityKind } from '../records/events.ts';
import type { Machine } from '../records/machine.ts';
import type { Conflict, RegionStore } from '../records/store.ts';
import { identityKey } from './evidence.ts';
import { decideMerge, decideSplit, type IdentityRefusal } from './merge.ts';
import { machineEvidence } from './recognition.ts';

const CONFLICTS_SHOWN_MAX = 20;

interface EvidenceLine {
  readonly kind: 'mac' | IdentityKind;
  readonly value: string | MacAddress;
  readonly isShared: boolean;
  readonly isPortable: boolean;
  readonly isVouched: boolean;
}

export interface IdentityView {
  readonly machine: Machine;
  readonly lines: readonly EvidenceLine[];
  readonly conflicts: readonly Conflict[];
}

export class MachineIdentity {
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #onChange: (systemIds: readonly string[]) => Promise<void>;

  /** @param onChange called after each change, with the ids of the changed and removed machines */
  constructor(store: RegionStore, clock: Clock, onChange: (systemIds: readonly string[]) => Promise<void>) {
    this.#store = store;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  async view(systemId: string): Promise<IdentityView | undefined> {
    const machine = await this.#store.findMachine(systemId);
    if (machine === undefined) return undefined;
    const evidence = machineEvidence(machine);
    const kinds = IDENTITY_KINDS.flatMap((kind) => {
      const value = evidence.values[kind];
      return value === undefined ? [] : [{ kind, value, key: identityKey(kind, value) }];
    });
    const shared = await this.#store.sharedValues(kinds.map(({ key }) => key));
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
      conflicts: await this.#store.listConflicts(CONFLICTS_SHOWN_MAX, systemId),
    };
  }

  async merge(keepId: string, otherId: string, username: string): Promise<MachineChangeOutcome<IdentityRefusal>> {
    const atMs = this.#clock.wallTimeMs();
    const outcome = await this.#store.mergeMachines<IdentityRefusal>(keepId, otherId, atMs, (keep, other) =>
      decideMerge(keep, other, { clock: this.#clock, atMs, username }),
    );
    if (outcome.kind === 'changed') await this.#onChange([keepId, otherId]);
    return outcome;
  }

  async split(systemId: string, macs: readonly MacAddress[], username: string): Promise<SplitOutcome<IdentityRefusal>> {
    const atMs = this.#clock.wallTimeMs();
    const outcome = await this.#store.splitMachine<IdentityRefusal>(systemId, atMs, (machine, knowledge) =>
      decideSplit(machine, macs, knowledge, { clock: this.#clock, atMs, username }),
    );
    if (outcome.kind === 'changed') await this.#onChange([systemId, outcome.made.systemId]);
    return outcome;
  }

  /**
   * Stores that two machines are distinct, even if their values agree.
   * @returns false if one of them does not exist, or they are the same
   */
  async keepApart(systemId: string, otherId: string, username: string): Promise<boolean> {
    const atMs = this.#clock.wallTimeMs();
    const params = { one: otherId, other: systemId };
    const event = { type: 'NODE_IDENTITY_CHANGED', code: 'machines-kept-apart', params, atMs, username } as const;
    return await this.#store.keepApart(systemId, otherId, event);
  }
}
