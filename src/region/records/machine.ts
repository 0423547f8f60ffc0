// A machine as the region stores it.
//
// 1. `systemId` is permanent; everything else may change.
// 2. A hardware address belongs to at most one machine.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { MachineAddress } from '../../machines/machine.ts';
import type { Area } from './area.ts';
import type { Remark } from './events.ts';
import type { HardwareFacts } from './hardware-facts.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { MachineLayout } from './machine-layout.ts';
import type { PowerParameters } from './power-parameters.ts';
import type { PowerTask } from './power-task.ts';
import type { NewestRuns } from './script-store.ts';
import type { MachineWork } from './work.ts';

export const DEVICES_MAX = 4096;

export type PowerState = 'on' | 'off' | 'unknown' | 'error';

/** A tag with its kernel arguments (empty: none). */
export interface MachineTag {
  readonly name: string;
  readonly kernelParams: string;
}

/** How an interface is known to be its machine's (`interface-source.ts`), the weakest evidence first. */
export const INTERFACE_SOURCES = ['replaced', 'hearsay', 'shown', 'vouched', 'person'] as const;
export type InterfaceSource = (typeof INTERFACE_SOURCES)[number];

export interface MachineInterface {
  readonly id: number;
  /** The machine's name for it, `eth0`. */
  readonly name: string;
  readonly mac: MacAddress;
  /** The last one seen. */
  readonly address?: Ipv4 | undefined;
  /** Its lease has ended: it shows only the machine's last network. */
  readonly isEnded?: boolean | undefined;
  readonly source: InterfaceSource;
}

/** Commands, edits and the machine's own report change them. */
/** What a machine has that is found or split off. */
export const BLANK_MACHINE = {
  description: '',
  status: 'new',
  osystem: '',
  release: '',
  netboot: true,
  powerType: '',
  powerParameters: {},
  powerState: 'unknown',
} as const satisfies Partial<MachineFields>;

export interface MachineFields {
  readonly hostname: string;
  readonly domain: string;
  readonly description: string;
  readonly status: MachineStatus;
  /** To which testing or a rescue returns; undefined otherwise, except in Broken for a deployed machine. */
  readonly restingStatus?: MachineStatus | undefined;
  /** Undefined: no reason was given. */
  readonly statusReason?: Remark | undefined;
  /** Times are wall times in milliseconds. */
  readonly statusSinceMs: number;
  /** Then the state has failed; `undefined`: no limit. */
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
  /** May contain secrets: for administrators only, and never in an event. */
  readonly powerParameters: PowerParameters;
  /** The machine proposed them, and no person has accepted them; nothing may use them. */
  readonly powerIsProposed?: boolean | undefined;
  readonly powerState: PowerState;
  /** `undefined`: the default ones. */
  readonly zoneId?: number | undefined;
  readonly poolId?: number | undefined;
  readonly owner?: string | undefined;
  /** With it, the client that allocated the machine finds its own. */
  readonly agentName?: string | undefined;
  /** Notes of clients while it is owned. */
  readonly ownerData?: Readonly<Record<string, string>> | undefined;
  /** Commands may not change its state. Its power may still be switched, and a debug login opened. */
  readonly isLocked?: boolean | undefined;
  /** By its subarchitecture, `hwe-24.04`; undefined: that of its image, or no system. */
  readonly kernel?: string | undefined;
  /** With which it may be deployed; undefined: any. */
  readonly oldestKernel?: string | undefined;
  /** Instead of the global ones. */
  readonly kernelParams?: string | undefined;
  /** SMBIOS UUID, lower case; undefined: none that identifies it. */
  readonly uuid?: string | undefined;
  /** Undefined: none that identifies it. */
  readonly serial?: string | undefined;
  /** In its newest report, of `factsMs`. */
  readonly facts?: HardwareFacts | undefined;
  readonly factsMs?: number | undefined;
  /** The interface of its newest vouched report; undefined: no rack ever vouched. */
  readonly vouchedMac?: MacAddress | undefined;
  /** Of its newest report while New; `undefined` if a person made it. */
  readonly enlistedFrom?: Ipv4 | undefined;
  /** A user without administrator's rights added it, machine or device. */
  readonly addedBy?: string | undefined;
  /**
   * An address in its home network: only racks there boot it and are believed
   * (`racks/machine-homes.ts`). `undefined` until a rack has shown it.
   */
  readonly home?: Ipv4 | undefined;
  /** Of its current boot (`identity/boot-token.ts`); only the racks of its home get it. */
  readonly bootToken?: string | undefined;
  /** Of the boot whose final signal ended its work: a repeat gets the first answer again. */
  readonly endedDigest?: string | undefined;
  /** In progress. */
  readonly work?: MachineWork | undefined;
  readonly powerTask?: PowerTask | undefined;
  /** `undefined`: deployed as commissioned. */
  readonly layout?: MachineLayout | undefined;
  /**
   * Only of a device, of which just names and addresses are kept: the machine to which it belongs;
   * empty: none. `undefined`: this is a machine.
   */
  readonly device?: string | undefined;
}

/** What people edit, with the other values of the same command. An event tells what an edit changed. */
export const EDITED_FIELDS = [
  'hostname',
  'domain',
  'description',
  'zoneId',
  'poolId',
  'architecture',
  'subarchitecture',
  'kernelParams',
  'osystem',
  'release',
  'kernel',
  'oldestKernel',
  'powerType',
  'powerParameters',
] as const satisfies readonly (keyof MachineFields)[];
export type MachineEdit = Partial<Pick<MachineFields, (typeof EDITED_FIELDS)[number]>>;

export interface Machine extends MachineFields {
  /** Increasing; lists are in this order. */
  readonly id: number;
  readonly systemId: string;
  readonly createdMs: number;
  /** The boot interface first. */
  readonly interfaces: readonly MachineInterface[];
  /** Allocated to this machine alone; sightings never change them. */
  readonly addresses: readonly MachineAddress[];
  /** In the order of their names. */
  readonly tags: readonly MachineTag[];
  /** `undefined`: the default one. */
  readonly zone?: Area | undefined;
  readonly pool?: Area | undefined;
  /** `undefined`: none. */
  readonly runs?: NewestRuns | undefined;
  /** Never reused; undefined: no task. */
  readonly powerTaskId?: string | undefined;
}

/**
 * True for a device of an ordinary user. It does not keep a machine out: a host that boots from one
 * of its interfaces is enlisted.
 */
export const isDeviceOfUser = ({ device, addedBy }: Pick<Machine, 'device' | 'addedBy'>): boolean =>
  device !== undefined && addedBy !== undefined;

/** A machine's system as commands take it: `debian/bookworm`; empty: none. */
export const systemName = ({ osystem, release }: Machine): string =>
  [osystem, release].filter((text) => text !== '').join('/');

/** `hostname.domain`. */
export const machineFqdn = (machine: Pick<Machine, 'hostname' | 'domain'>): string =>
  machine.domain === '' ? machine.hostname : `${machine.hostname}.${machine.domain}`;

/** The fields that decide whether a command may be given, without the large ones. */
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
    | 'poolId'
    | 'pool'
  > {}

/** No person has added, changed or tagged it. */
export interface UntouchedMachine {
  readonly systemId: string;
  readonly hostname: string;
  /** Of its newest report; `undefined` if an older version stored it. */
  readonly address: Ipv4 | undefined;
  readonly isProven: boolean;
  /** Of its newest report. */
  readonly heardMs: number;
}
