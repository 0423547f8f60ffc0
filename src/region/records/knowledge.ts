// The facts with which the region decides about machines, and the questions that a decision function may ask.
//
// 1. The store answers within the same transaction, and calls the decision function again with all
//    facts so far. So it reads only what the decision needs.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { Machine, UntouchedMachine } from './machine.ts';
import type { HostLease } from './network-store.ts';

/** A host that gets a name. */
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
   * This user (or for an administrator anyone) may have reserved an address for one of its
   * interfaces: then its name is not taken for this host, nor the address. `undefined`: every name
   * of a reserved address is taken, and the addresses reserved for its interfaces are not.
   */
  readonly host?: NamedHost | undefined;
  readonly systemIds?: readonly string[];
}

/**
 * In the order of the questions; true if a machine has the name. A hostname is also taken by a
 * reserved address, and by a system id.
 */
export interface NameKnowledge {
  readonly hostnames: ReadonlyMap<string, boolean>;
  readonly systemIds: ReadonlyMap<string, boolean>;
}

export interface EnlistmentQuestion extends NameQuestion {
  /** Asks for `untouched`. */
  readonly untouched?: boolean;
  /** Asks for `unbooted` of this user. */
  readonly unbootedOf?: string;
}

export interface EnlistmentKnowledge extends NameKnowledge {
  /** With one of the given hardware addresses, in the order of their ids. */
  readonly byMac: readonly Machine[];
  /** A few further ones with one of the given values; a value that many machines show identifies none. */
  readonly byValue: readonly Machine[];
  /** What more than one machine shows or has shown, of the given values and those of the machines found. */
  readonly shared: ReadonlySet<string>;
  /** On pairs of the machines found, and on single ones. */
  readonly verdicts: readonly StoredVerdict[];
  readonly machines: number;
  /** New machines that no person made, changed or tagged; reports can fill these places. */
  readonly newMachines: number;
  /** The one heard longest ago first; `undefined` until the decision asks. */
  readonly untouched: readonly UntouchedMachine[] | undefined;
  /**
   * Machines that the user added without administrator's rights, and that no rack has booted yet;
   * `undefined` until the decision asks.
   */
  readonly unbooted: number | undefined;
}

/**
 * The verdict on two machines. `conflict`: they may be one, and a person must decide; `apart`: a
 * person has decided that they are two.
 */
export type PairVerdict = 'conflict' | 'apart';

/** A stored verdict; for a machine that may be two, both ids are the same. */
export interface StoredVerdict {
  readonly lowId: number;
  readonly highId: number;
  readonly verdict: PairVerdict;
}

export type SplitKnowledge = NameKnowledge & Pick<EnlistmentKnowledge, 'machines'>;

export type AddressRange = readonly [low: Ipv4, high: Ipv4];

export interface ChangeQuestion extends NameQuestion {
  /** Asks for `addresses`. */
  readonly ranges?: readonly AddressRange[];
  readonly ownerData?: boolean;
}

export interface AddressKnowledge {
  readonly range: AddressRange;
  /** Addresses allocated to other machines. */
  readonly taken: ReadonlySet<Ipv4>;
  /** Last seen on other machines, which may still use them. */
  readonly seen: ReadonlySet<Ipv4>;
  /** Running leases of other hosts, except those of accepted machines that nobody owns. */
  readonly leased?: ReadonlyMap<Ipv4, HostLease> | undefined;
}

/** The knowledge for a change: only what the decision has asked for. */
export interface ChangeKnowledge extends NameKnowledge {
  readonly addresses: readonly AddressKnowledge[];
  /**
   * Of the owner's other machines, or of all others without an owner; in bytes of JSON. `undefined`
   * until the decision asks.
   */
  readonly ownerDataBytes: number | undefined;
}
