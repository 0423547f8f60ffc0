// A machine as the region stores it. Racks get a part of it (`desired-machine.ts`). The API renders it for clients (`api/machine-json.ts`).
//
// 1. `systemId` is permanent; everything else may change.
// 2. A hardware address belongs to at most one machine.

import type { MachineAddress } from '../../machines/machine.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { Area } from './area.ts';
import type { Remark } from './events.ts';
import type { HardwareFacts } from './hardware-facts.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { MachineLayout } from './machine-layout.ts';
import type { PowerParameters } from './power-parameters.ts';
import type { PowerTask } from './power-task.ts';
import type { NewestRuns } from './script-store.ts';
import type { MachineWork } from './work.ts';

/** Bound on the devices of the region. Users add and delete them. */
export const DEVICES_MAX = 4096;

export type PowerState = 'on' | 'off' | 'unknown' | 'error';

/** A machine's tag: its name, and its kernel arguments (empty: none). */
export interface MachineTag {
  readonly name: string;
  readonly kernelParams: string;
}

/** The evidence that an interface belongs to its machine (`interface-source.ts`), from the weakest to the strongest. */
export const INTERFACE_SOURCES = ['replaced', 'hearsay', 'shown', 'vouched', 'person'] as const;
export type InterfaceSource = (typeof INTERFACE_SOURCES)[number];

/** A network interface of a machine. */
export interface MachineInterface {
  readonly id: number;
  /** The machine's name for it, `eth0`; systems differ in their naming. */
  readonly name: string;
  readonly mac: MacAddress;
  /** The last address seen; `undefined` if never seen. */
  readonly address?: Ipv4 | undefined;
  /** True once a rack has reported the end of the lease of `address`, which then shows only the machine's last network. */
  readonly isEnded?: boolean | undefined;
  /** The evidence that it belongs to this machine. */
  readonly source: InterfaceSource;
}

/** The fields that commands, edits and the machine's own report change. */
export interface MachineFields {
  readonly hostname: string;
  readonly domain: string;
  readonly description: string;
  readonly status: MachineStatus;
  /** The state to which testing or a rescue returns; undefined otherwise, except in Broken for a deployed machine. */
  readonly restingStatus?: MachineStatus | undefined;
  /** Why it is in this state; undefined: no reason was given. */
  readonly statusReason?: Remark | undefined;
  /** Wall time in milliseconds at which the state began. */
  readonly statusSinceMs: number;
  /** Wall time in milliseconds after which the state has failed; `undefined`: no limit. */
  readonly statusDeadlineMs?: number | undefined;
  /** `amd64`. */
  readonly architecture: string;
  /** `generic`. */
  readonly subarchitecture: string;
  readonly osystem: string;
  readonly release: string;
  /** False while a machine that is being deployed must boot its own disk. */
  readonly netboot: boolean;
  /** Empty: unknown; `manual`: switched by hand. */
  readonly powerType: string;
  /** May contain secrets: shown to administrators only, and never in an event. */
  readonly powerParameters: PowerParameters;
  /** True if the machine proposed its power settings and no person has accepted them; nothing may use them. */
  readonly powerIsProposed?: boolean | undefined;
  readonly powerState: PowerState;
  /** The ids of its zone and its pool; `undefined`: the default ones. */
  readonly zoneId?: number | undefined;
  readonly poolId?: number | undefined;
  /** The user who owns it; undefined: none. */
  readonly owner?: string | undefined;
  /** The name with which the client that allocated it finds its own machines; undefined: none. */
  readonly agentName?: string | undefined;
  /** Key-value notes that clients store with it while it is owned. */
  readonly ownerData?: Readonly<Record<string, string>> | undefined;
  /** True while commands may not change its state. Its power may still be switched, and a debug login opened. */
  readonly isLocked?: boolean | undefined;
  /** The kernel of its deployed system, by its subarchitecture, `hwe-24.04`; undefined: that of its image, or no system. */
  readonly kernel?: string | undefined;
  /** The oldest kernel with which it may be deployed, named likewise; undefined: any. */
  readonly oldestKernel?: string | undefined;
  /** Kernel arguments instead of the global ones. */
  readonly kernelParams?: string | undefined;
  /** SMBIOS UUID, lower case; undefined: none that identifies it. */
  readonly uuid?: string | undefined;
  /** System serial number; undefined: none that identifies it. */
  readonly serial?: string | undefined;
  /** The hardware in its newest report; undefined: never reported. */
  readonly facts?: HardwareFacts | undefined;
  /** Wall time in milliseconds of that report. */
  readonly factsMs?: number | undefined;
  /** The interface for which a rack vouched in the newest vouched report; undefined: no rack ever did. */
  readonly vouchedMac?: MacAddress | undefined;
  /** The source of its newest report while New; `undefined` if a person made it or the source was not recorded. */
  readonly enlistedFrom?: Ipv4 | undefined;
  /** The user without administrator's rights who added it, machine or device; `undefined` if nobody or an administrator did. */
  readonly addedBy?: string | undefined;
  /**
   * An address in its home network, whose racks boot it; only their reports about it are believed (`racks/machine-homes.ts`). `undefined`
   * if no rack has shown it yet.
   */
  readonly home?: Ipv4 | undefined;
  /** The secret of its current boot (`identity/boot-token.ts`); only the racks of its home get it. */
  readonly bootToken?: string | undefined;
  /**
   * The digest of the boot token with which the newest final signal ended its work. A repeat of that signal gets the first answer again.
   */
  readonly endedDigest?: string | undefined;
  /** Its work in progress; `undefined` if there is none or none is recorded. */
  readonly work?: MachineWork | undefined;
  /** The pending power task; undefined: none. */
  readonly powerTask?: PowerTask | undefined;
  /** How its network and disks should be deployed; `undefined`: as commissioned. */
  readonly layout?: MachineLayout | undefined;
  /**
   * Only for a device, of which the region keeps just names and addresses: the system id of the machine to which it belongs; empty: it
   * belongs to none. `undefined`: this is a machine.
   */
  readonly device?: string | undefined;
}

export interface Machine extends MachineFields {
  /** A unique, increasing number; lists are in this order. */
  readonly id: number;
  readonly systemId: string;
  readonly createdMs: number;
  /** The boot interface first. */
  readonly interfaces: readonly MachineInterface[];
  /** The addresses allocated to this machine alone; sightings never change them. */
  readonly addresses: readonly MachineAddress[];
  /** In the order of their names. */
  readonly tags: readonly MachineTag[];
  /** `undefined`: the default one. */
  readonly zone?: Area | undefined;
  readonly pool?: Area | undefined;
  /** Its newest runs of scripts; `undefined`: none. */
  readonly runs?: NewestRuns | undefined;
  /** The unique ID of its power task, never reused; undefined: none. */
  readonly powerTaskId?: string | undefined;
}

/**
 * True for a device that a user without administrator's rights added. It does not keep a machine out: a host that boots from one of its
 * interfaces is enlisted.
 */
export const isDeviceOfUser = ({ device, addedBy }: Pick<Machine, 'device' | 'addedBy'>): boolean =>
  device !== undefined && addedBy !== undefined;

/** The system on its disk as commands take it: `debian/bookworm`; empty if it has none. */
export const systemName = ({ osystem, release }: Machine): string =>
  [osystem, release].filter((text) => text !== '').join('/');

/** `hostname.domain`. */
export const machineFqdn = (machine: Pick<Machine, 'hostname' | 'domain'>): string =>
  machine.domain === '' ? machine.hostname : `${machine.hostname}.${machine.domain}`;

/** The fields of a machine that decide whether a command may be given to it, without the large ones. */
export type MachineOutline = Pick<Machine, 'systemId' | 'hostname' | 'status' | 'owner' | 'isLocked'>;

/** The fields of a machine from which its record for racks is made. */
export interface MachineForRacks
  extends Pick<
    Machine,
    | 'id'
    | 'systemId'
    | 'hostname'
    | 'domain'
    | 'status'
    | 'restingStatus'
    | 'architecture'
    | 'subarchitecture'
    | 'release'
    | 'netboot'
    | 'kernelParams'
    | 'uuid'
    | 'home'
    | 'bootToken'
    | 'work'
    | 'device'
    | 'addedBy'
    | 'interfaces'
    | 'addresses'
    | 'tags'
  > {}

/** A New machine that no person has added, changed or tagged. */
export interface UntouchedMachine {
  readonly systemId: string;
  readonly hostname: string;
  /** The source of its newest report; `undefined` if stored by a version that did not record it. */
  readonly address: Ipv4 | undefined;
  /** True if a rack vouched for its boot. */
  readonly isProven: boolean;
  /** Wall time of its newest report, in milliseconds. */
  readonly heardMs: number;
}
