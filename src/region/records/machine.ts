// A machine as the region keeps it. The rack is told a part of it (`rack-machine.ts`), the API shows it in the words of its clients
// (`api/machine-json.ts`).
//
// 1. `systemId` is for ever; everything else may change.
// 2. A hardware address belongs to at most one machine.

import type { MachineAddress } from '../../machines/machine.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { HardwareFacts } from './hardware-facts.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { PowerParameters } from './power-parameters.ts';
import type { MachineWork } from './work.ts';

export type PowerState = 'on' | 'off' | 'unknown' | 'error';

/**
 * What is to be done with a machine's power: on, off at once, off by asking its system, or off and on again. When it is to boot from the
 * network, that is made its next boot device.
 */
export const POWER_TASKS = ['on', 'off', 'soft-off', 'cycle'] as const;
export type PowerTask = (typeof POWER_TASKS)[number];

/** A tag of a machine: its name, and its kernel arguments, empty for none. */
export interface MachineTag {
  readonly name: string;
  readonly kernelParams: string;
}

/** Where it is known from that an interface is a machine's own (`interface-source.ts`); from the least to the most. */
export const INTERFACE_SOURCES = ['replaced', 'hearsay', 'shown', 'vouched', 'person'] as const;
export type InterfaceSource = (typeof INTERFACE_SOURCES)[number];

/** A network interface of a machine. */
export interface MachineInterface {
  readonly id: number;
  /** As the machine calls it, `eth0`; names differ from one system to the next. */
  readonly name: string;
  readonly mac: MacAddress;
  /** The address with which it was last seen; undefined: never. */
  readonly address?: Ipv4 | undefined;
  /** A rack has told that the lease of `address` ended: it says in which network the machine was, and is the machine's no more. */
  readonly isEnded?: boolean | undefined;
  /** Where it is known from that it is this machine's. */
  readonly source: InterfaceSource;
}

/** What a machine's owner or its own report may set. */
export interface MachineFields {
  readonly hostname: string;
  readonly domain: string;
  readonly description: string;
  readonly status: MachineStatus;
  /** Where testing or a rescue goes back to; undefined outside of both. */
  readonly restingStatus?: MachineStatus | undefined;
  /** Why it is in this state, for a person; empty: nothing to say. */
  readonly statusMessage: string;
  /** Wall time in milliseconds at which the state began. */
  readonly statusSinceMs: number;
  /** Wall time in milliseconds after which the state has failed; undefined: it may last. */
  readonly statusDeadlineMs?: number | undefined;
  /** `amd64`. */
  readonly architecture: string;
  /** `generic`. */
  readonly subarchitecture: string;
  readonly osystem: string;
  readonly release: string;
  /** False while a machine that is being deployed shall boot its own disk. */
  readonly netboot: boolean;
  /** Empty: nobody has said how to switch it; `manual`: by hand. */
  readonly powerType: string;
  /** May hold secrets: shown to administrators only, and never in an event. */
  readonly powerParameters: PowerParameters;
  /** The machine said so itself, and nobody has accepted it yet: nothing may use it. */
  readonly powerIsProposed?: boolean | undefined;
  readonly powerState: PowerState;
  /** User who holds it; undefined: nobody. */
  readonly owner?: string | undefined;
  /** What clients keep with it while somebody holds it. */
  readonly ownerData?: Readonly<Record<string, string>> | undefined;
  /** No command changes its state until it is unlocked; its power may be switched, and a debug login opened. */
  readonly isLocked?: boolean | undefined;
  /** Kernel arguments instead of the global ones. */
  readonly kernelParams?: string | undefined;
  /** SMBIOS UUID, lower case; undefined: none that identifies. */
  readonly uuid?: string | undefined;
  /** System serial number; undefined: none that identifies. */
  readonly serial?: string | undefined;
  /** The hardware of its newest report; undefined: never reported. */
  readonly facts?: HardwareFacts | undefined;
  /** Wall time in milliseconds of that report. */
  readonly factsMs?: number | undefined;
  /** The interface for which a rack vouched at its newest report; undefined: no rack ever did. */
  readonly vouchedMac?: MacAddress | undefined;
  /** Where it was reported from last while it is New; undefined: a person made it, or nobody remembers. */
  readonly enlistedFrom?: Ipv4 | undefined;
  /**
   * An address of the network in which it is at home: the racks of that network boot it, and they alone are believed what they say of it
   * (`racks/machine-homes.ts`). Undefined: no rack has shown it yet.
   */
  readonly home?: Ipv4 | undefined;
  /** The secret of its present boot (`life/boot-token.ts`): for the racks of its home only. */
  readonly bootToken?: string | undefined;
  /** What it is about to do; undefined: nothing is under way, or the state was set as such. */
  readonly work?: MachineWork | undefined;
  /** How its power is to be switched; undefined: it is not, or that was done. */
  readonly powerTask?: PowerTask | undefined;
}

export interface Machine extends MachineFields {
  /** A number of its own, growing; lists are in this order. */
  readonly id: number;
  readonly systemId: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** The boot interface first. */
  readonly interfaces: readonly MachineInterface[];
  /** The addresses that it was given, which are nobody else's: what is seen of it never changes them. */
  readonly addresses: readonly MachineAddress[];
  /** In the order of their names. */
  readonly tags: readonly MachineTag[];
  /** Names its power task, and no other one ever; undefined: there is none. */
  readonly powerTaskId?: string | undefined;
}

/** `hostname.domain`. */
export const machineFqdn = (machine: Pick<Machine, 'hostname' | 'domain'>): string =>
  machine.domain === '' ? machine.hostname : `${machine.hostname}.${machine.domain}`;

/** A New machine that no person made, changed or tagged. */
export interface UntouchedMachine {
  readonly systemId: string;
  readonly hostname: string;
  /** Where it was reported from last; undefined: by a version that did not remember it. */
  readonly address: Ipv4 | undefined;
  /** A rack vouched for its boot. */
  readonly isProven: boolean;
  /** Wall time in milliseconds. */
  readonly heardMs: number;
}
