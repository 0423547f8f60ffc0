// A power driver: a table of parameters, and a port to a machine's power controller. `drivers.ts`
// says how to add one.
//
// 1. A driver does one thing per call and never retries, though a program (ipmitool) may repeat a packet.
// 2. Nothing that it starts outlives its time limit or the abort of its signal.
// 3. It never throws for external failures: these are outcomes.

import type { z } from 'zod';
import type { MacAddress } from '../ground/address.ts';
import type { Clock } from '../ground/clock.ts';
import type { PowerOutcome } from './outcome.ts';
import {
  checkParameters,
  listParameters,
  type ParameterProblem,
  type PowerParameter,
  type PowerValues,
} from './parameters.ts';
import type { SshIdentity } from './ssh-identity.ts';

/** The longest step, in milliseconds: a session with a slow controller takes several requests. */
export const STEP_MS_MAX = 30_000;

/** `soft` asks the operating system, `hard` cuts the power. */
export type OffManner = 'soft' | 'hard';

export interface PowerPort {
  /** Without secrets: `ipmi 10.0.0.5:623`. Controllers of one name get one request at a time. */
  readonly controller: string;
  /** Switches the machine on. The outcome is `done` even if the machine is already on. */
  on(signal: AbortSignal): Promise<PowerOutcome>;
  /**
   * Switches the machine off. The outcome is `done` even if the machine is already off. For a soft
   * off, it is `done` once the operating system was asked. Undefined if the driver cannot.
   */
  readonly off?: (manner: OffManner, signal: AbortSignal) => Promise<PowerOutcome>;
  query(signal: AbortSignal): Promise<PowerOutcome>;
  /** Makes the network the next boot device. Undefined if the driver cannot. */
  readonly netboot?: (signal: AbortSignal) => Promise<PowerOutcome>;
  /** Ends what the port has open at the controller, after a command. Never rejects. */
  readonly close?: (signal: AbortSignal) => Promise<void>;
}

export interface PowerDeps {
  readonly clock: Clock;
  /**
   * Opens Rackboot's own key for hypervisors. @throws RackError `tool-missing`, `tool-failed`,
   * `store-unwritable`
   */
  readonly sshIdentity: () => Promise<SshIdentity>;
  /**
   * Keeps the certificate of a machine's controller as its `power_certificate`, unless it has one.
   * @param fingerprint of SHA-256, 64 hexadecimal digits. Undefined: nothing is kept
   */
  readonly keepCertificate?: ((machine: string, fingerprint: string) => Promise<void>) | undefined;
  /** The directory of the operator's own programs. Default: `command-driver.ts` DIRECTORY. */
  readonly programs?: string | undefined;
  /** Undefined if this process has no racks. */
  readonly racks?: PowerRacks | undefined;
}

/** What racks do for drivers, in the networks that they serve. */
export interface PowerRacks {
  /**
   * Sends a magic packet where the machine is at home.
   * @param password in hexadecimal digits
   * @returns who sent it, at most WAKERS_MAX; empty if no rack can send there
   */
  wake(machine: string, mac: MacAddress, password: string | undefined): Promise<readonly Waker[]>;
  /** Whether the machine answers by ARP now; undefined if no rack can ask it. */
  hears(machine: string, mac: MacAddress): Promise<boolean | undefined>;
}

export interface Waker {
  readonly rack: string;
  readonly interfaces: readonly string[];
}

type OpenedPort =
  | { readonly kind: 'open'; readonly port: PowerPort }
  | { readonly kind: 'bad-parameters'; readonly problems: readonly ParameterProblem[] };

/** What Rackboot can do to a machine's power; a person does the rest. */
export type Switching = 'nothing' | 'on' | 'on-and-off';

export interface PowerDriver {
  /** The `power_type` in the API. */
  readonly name: string;
  readonly switches: Switching;
  readonly parameters: readonly PowerParameter[];
  /** @param machine its system id */
  open(machine: string, values: PowerValues, deps: PowerDeps): OpenedPort;
}

export interface ConnectOptions<Schema extends z.ZodObject> {
  /** Its system id. */
  readonly machine: string;
  readonly settings: z.infer<Schema>;
  /** Texts that no message may quote. */
  readonly secrets: readonly string[];
  readonly deps: PowerDeps;
}

interface DriverDefinition<Schema extends z.ZodObject> extends Pick<PowerDriver, 'name' | 'switches'> {
  readonly parameters: Schema;
  connect(call: ConnectOptions<Schema>): PowerPort;
}

/** Defines a driver whose `connect` is called with valid parameters only. */
export function defineDriver<Schema extends z.ZodObject>({
  name,
  switches,
  parameters: schema,
  connect,
}: DriverDefinition<Schema>): PowerDriver {
  return {
    name,
    switches,
    parameters: listParameters(schema),
    open(machine, values, deps) {
      const checked = checkParameters(name, schema, values);
      if (checked.kind === 'bad') return { kind: 'bad-parameters', problems: checked.problems };
      const { values: settings, secrets } = checked;
      return { kind: 'open', port: connect({ machine, settings, secrets, deps }) };
    },
  };
}
