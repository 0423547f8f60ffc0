// The decisions about machines that the store applies inside a transaction, and their outcomes.

import type { MachineAddress } from '../../machines/machine.ts';
import type { MacAddress } from '../../net/address.ts';
import type { Doubt } from './events.ts';
import type { InterfaceSource, Machine, MachineFields } from './machine.ts';
import type { NewMachineEvent } from './machine-event.ts';

/** A network interface as a machine reports it. */
export interface ReportedInterface {
  readonly mac: MacAddress;
  /** Empty if not reported. */
  readonly name: string;
  /** Default: hearsay. */
  readonly source?: InterfaceSource | undefined;
  /** The hardware address of the same interface before; undefined: the same, or it is new. */
  readonly formerMac?: MacAddress | undefined;
}

/** The effects of an enlistment besides its own machine. */
export interface EnlistmentEffects {
  /** Hardware addresses that move from other machines to this one. */
  readonly taken?: readonly MacAddress[];
  /** Values found on several machines. */
  readonly shared?: readonly string[];
  /** Machines that may be this one, each with the reason. */
  readonly conflicts?: readonly { readonly with: string; readonly why: Doubt }[];
}

/** The decision on an enlistment. `R` is the type of its refusals. */
export type EnlistmentDecision<R> =
  | ({
      readonly kind: 'create';
      readonly systemId: string;
      readonly fields: MachineFields;
      readonly interfaces: readonly ReportedInterface[];
      readonly events: readonly NewMachineEvent[];
      /** A New machine that this one replaces, and the event that reports the replacement. */
      readonly gone?: { readonly systemId: string; readonly event: NewMachineEvent } | undefined;
    } & EnlistmentEffects)
  | ({
      readonly kind: 'amend';
      readonly systemId: string;
      readonly fields: Partial<MachineFields>;
      /** The complete new list, the boot interface first; hardware addresses that stay keep their ids. */
      readonly interfaces: readonly ReportedInterface[];
      readonly events: readonly NewMachineEvent[];
    } & EnlistmentEffects)
  | { readonly kind: 'unchanged'; readonly systemId: string; readonly events: readonly NewMachineEvent[] }
  | { readonly kind: 'refuse'; readonly refusal: R };

export type EnlistmentOutcome<R> =
  | {
      readonly kind: 'create' | 'amend' | 'unchanged';
      readonly machine: Machine;
      /** Machines that lost hardware addresses to this one, in their new state. */
      readonly others: readonly Machine[];
      /** A machine that this one replaced; it no longer exists. */
      readonly goneId?: string | undefined;
    }
  | { readonly kind: 'refuse'; readonly refusal: R };

/** The decision on merging two machines. */
export type MergeDecision<R> =
  | { readonly kind: 'merge'; readonly fields: Partial<MachineFields>; readonly events: readonly NewMachineEvent[] }
  | { readonly kind: 'refuse'; readonly refusal: R };

/** The decision on splitting a machine: a new one gets some of its interfaces. */
export type SplitDecision<R> =
  | {
      readonly kind: 'split';
      readonly systemId: string;
      /** Fields of the new machine. */
      readonly fields: MachineFields;
      readonly macs: readonly MacAddress[];
      /** Changes of the existing machine. */
      readonly left: Partial<MachineFields>;
      /** Values found on both. */
      readonly shared: readonly string[];
      readonly events: readonly NewMachineEvent[];
      readonly newEvents: readonly NewMachineEvent[];
    }
  | { readonly kind: 'refuse'; readonly refusal: R };

export type SplitOutcome<R> =
  | { readonly kind: 'changed'; readonly machine: Machine; readonly made: Machine }
  | { readonly kind: 'refuse'; readonly refusal: R }
  | { readonly kind: 'not-found' };

/** The decision on changing one machine. */
export type MachineChange<R> =
  | {
      readonly kind: 'change';
      readonly fields: Partial<MachineFields>;
      readonly events: readonly NewMachineEvent[];
      /** The complete list of its allocated addresses. Default: unchanged. */
      readonly addresses?: readonly MachineAddress[] | undefined;
      /** The complete list of its interfaces, the boot interface first; those that stay keep their ids. Default: unchanged. */
      readonly interfaces?: readonly ReportedInterface[] | undefined;
      /** The user data that its system runs at its first start; null: none. Default: unchanged. */
      readonly userData?: Uint8Array | null | undefined;
      /** True to revoke the machine's API key. Default: it stays valid. */
      readonly endsKey?: boolean | undefined;
    }
  | { readonly kind: 'refuse'; readonly refusal: R };

export type MachineChangeOutcome<R> =
  | { readonly kind: 'changed'; readonly machine: Machine }
  | { readonly kind: 'refuse'; readonly refusal: R }
  | { readonly kind: 'not-found' };
