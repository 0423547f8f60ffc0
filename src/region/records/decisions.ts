// The decisions about machines that the store applies inside a transaction, and their outcomes.

import type { MacAddress } from '../../ground/address.ts';
import type { MachineAddress } from '../../machines/machine.ts';
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
  /** The hardware address of the same interface before, if it had another one. */
  readonly formerMac?: MacAddress | undefined;
}

/** The effects of an enlistment on other machines. */
export interface EnlistmentEffects {
  readonly taken?: readonly MacAddress[];
  readonly shared?: readonly string[];
  /** Machines that may be this one. */
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
      /** A New machine that this one replaces. */
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
      readonly others: readonly Machine[];
      /** A machine that this one replaced. */
      readonly goneId?: string | undefined;
    }
  | { readonly kind: 'refuse'; readonly refusal: R };

export type MergeDecision<R> =
  | { readonly kind: 'merge'; readonly fields: Partial<MachineFields>; readonly events: readonly NewMachineEvent[] }
  | { readonly kind: 'refuse'; readonly refusal: R };

/** The decision on splitting a machine: a new one gets some of its interfaces. */
export type SplitDecision<R> =
  | {
      readonly kind: 'split';
      readonly systemId: string;
      readonly fields: MachineFields;
      readonly macs: readonly MacAddress[];
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

export type MachineChange<R> =
  | {
      readonly kind: 'change';
      readonly fields: Partial<MachineFields>;
      readonly events: readonly NewMachineEvent[];
      /** The complete list of its allocated addresses. Default: unchanged. */
      readonly addresses?: readonly MachineAddress[] | undefined;
      /** The complete list of its interfaces, the boot interface first. Default: unchanged. */
      readonly interfaces?: readonly ReportedInterface[] | undefined;
      /** null: none. Default: unchanged. */
      readonly userData?: Uint8Array | null | undefined;
      /** True to revoke the machine's API key. Default: it stays valid. */
      readonly endsKey?: boolean | undefined;
    }
  | { readonly kind: 'refuse'; readonly refusal: R };

export type MachineChangeOutcome<R> =
  | { readonly kind: 'changed'; readonly machine: Machine }
  | { readonly kind: 'refuse'; readonly refusal: R }
  | { readonly kind: 'not-found' };
