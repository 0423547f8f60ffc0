// The facts with which the region decides about machines, as data, and the questions that a decision function may ask.
//
// 1. The store answers a question within the same transaction, and calls the decision function again with all facts so far. So the store
//    reads only the facts that the decision needs, and a store on the network can answer.

import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { Machine, UntouchedMachine } from './machine.ts';
import type { HostLease } from './network-store.ts';

/** A machine or device that gets a name, and the user who names it. */
export interface NamedHost {
  readonly macs: readonly MacAddress[];
  /** `undefined`: an administrator. */
  readonly username: string | undefined;
}

/** Asks which of these names are taken. */
export interface NameQuestion {
  readonly kind: 'ask';
  readonly hostnames?: readonly string[];
  /**
   * May have the name of an address that is reserved for one of its interfaces, by this user or for an administrator by anyone, and this
   * address, or that of an administrator; `undefined`: every name of a reserved address is taken, and the addresses that anyone reserved for its
   * interfaces are not.
   */
  readonly host?: NamedHost | undefined;
  readonly systemIds?: readonly string[];
}

/** The names about which a decision has asked, in that order, each with true if a machine has it, or as a hostname a reserved address. */
export interface NameKnowledge {
  readonly hostnames: ReadonlyMap<string, boolean>;
  readonly systemIds: ReadonlyMap<string, boolean>;
}

/** A question of an enlistment. */
export interface EnlistmentQuestion extends NameQuestion {
  /** True to ask for the machines that may give way (`untouched`). */
  readonly untouched?: boolean;
  /** The user whose added machines the store must count (`unbooted`). */
  readonly unbootedOf?: string;
}

/** The store's facts for one enlistment. */
export interface EnlistmentKnowledge extends NameKnowledge {
  /** Machines with one of the given hardware addresses, in the order of their ids. */
  readonly byMac: readonly Machine[];
  /** A few further machines with one of the given values; a value that many machines show identifies none. */
  readonly byValue: readonly Machine[];
  /** The values that more than one machine shows or has shown, among the given values and those of the machines found. */
  readonly shared: ReadonlySet<string>;
  /** The verdicts on pairs of the machines found, and on single ones of them. */
  readonly verdicts: readonly StoredVerdict[];
  readonly machines: number;
  /** The number of New machines that no person made, changed or tagged; reports can fill these places. */
  readonly newMachines: number;
  /** Those machines, the one heard longest ago first; `undefined` until the decision asks for them. */
  readonly untouched: readonly UntouchedMachine[] | undefined;
  /**
   * The number of machines that the user in question added without administrator's rights, and that no rack has booted yet; `undefined`
   * until the decision asks for it.
   */
  readonly unbooted: number | undefined;
}

/**
 * The stored verdict on two machines: they may be one, and a person must decide (`conflict`), or a person has decided that they are two
 * (`apart`).
 */
export type PairVerdict = 'conflict' | 'apart';

/** The stored verdict on a pair of machines, by their ids. For a machine that may be two, both ids are the same. */
export interface StoredVerdict {
  readonly lowId: number;
  readonly highId: number;
  readonly verdict: PairVerdict;
}

/** The store's facts for a split. */
export type SplitKnowledge = NameKnowledge & Pick<EnlistmentKnowledge, 'machines'>;

/** A range of addresses by its first and its last one. */
export type AddressRange = readonly [low: Ipv4, high: Ipv4];

/** A question of a change. */
export interface ChangeQuestion extends NameQuestion {
  /** Ranges whose used addresses the decision needs. */
  readonly ranges?: readonly AddressRange[];
  /** True to ask for `ownerDataBytes`. */
  readonly ownerData?: boolean;
}

/** The used addresses of a range. */
export interface AddressKnowledge {
  readonly range: AddressRange;
  /** Addresses allocated to other machines. */
  readonly taken: ReadonlySet<Ipv4>;
  /** Addresses last seen on other machines, which may still use them. */
  readonly seen: ReadonlySet<Ipv4>;
  /** Running leases of other hosts, except for those of accepted machines that nobody owns; `undefined`: none. */
  readonly leased?: ReadonlyMap<Ipv4, HostLease> | undefined;
}

/** The store's facts for a change of one machine: only those for which the decision has asked. */
export interface ChangeKnowledge extends NameKnowledge {
  readonly addresses: readonly AddressKnowledge[];
  /**
   * The owner data of the owner's other machines, in bytes of JSON. For a machine without an owner: the owner data of all other such
   * machines. `undefined` until the decision asks for it.
   */
  readonly ownerDataBytes: number | undefined;
}
