// A machine as the rack knows it: enough to boot, address and name it while the region is away. The
// region decides and the rack obeys. A record is replaced whole, never changed. Both ends use this
// schema, so the region cannot send a field that the schema lacks.

import { z } from 'zod';
import type { Ipv4, MacAddress } from '../ground/address.ts';
import { cleanText } from '../ground/clean-text.ts';
import { UUID_PATTERN } from '../ground/clock.ts';
import type { Frozen } from '../ground/fields.ts';
import type { Settings } from './settings.ts';

/** Bounds of one message. */
export const MACHINES_MAX = 100_000;
export const MACHINE_MACS_MAX = 256;
export const MACHINE_ADDRESSES_MAX = 1024;
/** Tags of machines: as many as a region has. */
const MACHINE_TAGS_MAX = 10_000;
export const RESERVED_HOSTS_MAX = 16_384;
/** The longest text of any field, in UTF-16 units. */
export const MACHINE_TEXT_MAX = 4096;
const MAC_MAX = 0xffffffffffff;
const IPV4_MAX = 0xffffffff;

// `desired-state.ts` puts these texts after the wrong value: "7 is not a text".
const TEXT = `a text of at most ${MACHINE_TEXT_MAX} characters`;
export const boundedText = z.string(TEXT).max(MACHINE_TEXT_MAX, TEXT);

/** One check, because a state has hundreds of thousands of numbers. */
export const wholeNumber = <Value extends number>(max: number) =>
  z.custom<Value>(
    (value) => Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max,
    `a whole number from 0 to ${max}`,
  );

/** A list of at most `countMax` entries. No entry of a longer list is read. */
export const boundedList = <Entry extends z.ZodType>(entry: Entry, countMax: number) =>
  z
    .custom<readonly unknown[]>(
      (value) => Array.isArray(value) && value.length <= countMax,
      `a list of at most ${countMax}`,
    )
    .pipe(z.array(entry));

const macNumber = wholeNumber<MacAddress>(MAC_MAX);
const ipv4Number = wholeNumber<Ipv4>(IPV4_MAX);

const OBJECT = 'an object';
const UUID = 'a UUID in lower case';
const TOKEN = '22 to 64 letters, digits, - or _';

/**
 * The purpose of a machine's next network boot.
 *
 * - `enlist`: the machine is unknown; it reports itself and powers off.
 * - `commissioning`: it runs the ephemeral environment as its status requires.
 * - `install`: it runs a distribution's installer or writes an image.
 * - `local`: it boots its own disk.
 * - `poweroff`: it has nothing to do and powers off.
 */
const bootPurpose = z.enum(['enlist', 'commissioning', 'install', 'local', 'poweroff'], 'a boot purpose');
export type BootPurpose = z.output<typeof bootPurpose>;

/**
 * The status name of a device: a host that Rackboot does not start, and of which the region keeps
 * only names and addresses. Older regions send `Deployed` for devices.
 */
export const DEVICE_STATE = 'a device';

/** A fixed address of one of a machine's interfaces. */
const machineAddress = z.object({ mac: macNumber, address: ipv4Number }, OBJECT);
export type MachineAddress = Frozen<z.output<typeof machineAddress>>;

/**
 * Schemas of messages are built when the first message is read. A rack reads none while it starts.
 */
export const rackMachine = z.lazy(() =>
  z.object(
    {
      /** The region's permanent name for it, six characters. */
      systemId: boundedText,
      hostname: boundedText,
      domain: boundedText,
      /**
       * The life-cycle state's name as people read it: `New`, `Ready`, `Deployed`; `DEVICE_STATE`
       * for a device.
       */
      statusName: boundedText.transform((name) => cleanText(name)),
      purpose: bootPurpose,
      architecture: boundedText,
      subarchitecture: boundedText,
      /** The release it boots or installs; `undefined` for the rack's default environment. */
      release: boundedText.optional(),
      /** All its network interfaces, the boot interface first. */
      macs: boundedList(macNumber, MACHINE_MACS_MAX),
      /** SMBIOS UUID, lower case; undefined when unknown or known to be shared by several machines. */
      uuid: z.string(UUID).regex(UUID_PATTERN, UUID).optional(),
      /** Addresses the region gave it (allocations). */
      addresses: boundedList(machineAddress, MACHINE_ADDRESSES_MAX),
      kernelParams: boundedText.optional(),
      /** The names of its tags; `undefined` if it has none. */
      tags: boundedList(boundedText, MACHINE_TAGS_MAX).optional(),
      /** The name of its pool; `undefined` for the default pool. */
      pool: boundedText.optional(),
      /**
       * True if its name comes from its own report alone. Such a name counts no more than one that
       * a DHCP client gives itself.
       */
      isSelfNamed: z.boolean('true or false').optional(),
      /**
       * An address in its home network. Only on the wire of that network does the machine have its
       * token and its name. `undefined` if the home network is unknown, no longer served, or served
       * by another rack.
       */
      home: ipv4Number.optional(),
      /**
       * The secret of its current boot, which needs no quoting on any kernel line; `undefined` if
       * no work is under way. Never appears in a log, event, URL or page.
       */
      bootToken: z
        .string(TOKEN)
        .regex(/^[A-Za-z0-9_-]{22,64}$/, TOKEN)
        .optional(),
    },
    OBJECT,
  ),
);
export type RackMachine = Frozen<z.output<typeof rackMachine>>;

/** A network that is not a machine's home network. */
export interface AwayNetwork {
  readonly network: string;
  /** The name of the home network; `undefined` if another rack serves it. */
  readonly home?: string | undefined;
  /** An address of the home network of another rack. */
  readonly homeAddress?: string | undefined;
}

/**
 * An address that a user reserved for a host that need not be a machine, with the host or the name
 * that it is for.
 */
export const reservedHost = z.lazy(() =>
  z.object(
    {
      address: ipv4Number,
      /** The host that gets the address by DHCP; `undefined` if no host gets it. */
      mac: macNumber.optional(),
      /** The name of the address, and its domain; both are `undefined` if it has no name. */
      hostname: boundedText.optional(),
      domain: boundedText.optional(),
    },
    OBJECT,
  ),
);
export type ReservedHost = Frozen<z.output<typeof reservedHost>>;

/** The region's desired state of the rack: replaced whole, with a version that only grows. */
export interface DesiredState {
  readonly schema: 2;
  readonly version: number;
  readonly machines: readonly RackMachine[];
  /** The part of this rack's configuration in the region's store; `undefined` if there is none. */
  readonly settings?: Settings | undefined;
  /** The reserved addresses with a host or a name; `undefined` if there are none. */
  readonly reserved?: readonly ReservedHost[] | undefined;
}

/** How a desired state differs from one that the rack has. */
export interface StateChanges {
  readonly schema: 2;
  /** The version of the state with these changes. */
  readonly version: number;
  /** Machines that are new, or differ from the state that the rack has. */
  readonly machines: readonly RackMachine[];
  /** The system ids of machines that are no longer in the state. */
  readonly gone: readonly string[];
  /** All settings and reserved addresses of the new state, changed or not. */
  readonly settings?: Settings | undefined;
  readonly reserved?: readonly ReservedHost[] | undefined;
}

export const EMPTY_DESIRED_STATE: DesiredState = { schema: 2, version: 0, machines: [] };
