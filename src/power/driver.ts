// The interface of a power driver: a table of parameters, and for a machine with valid parameters a port to its power controller.
//
// 1. A driver does one thing per call and never retries; a program that it runs (ipmitool) may send a packet again.
// 2. Nothing that it starts outlives its time limit or the abort of its signal.
// 3. It never throws for external failures: these are outcomes.

import type { Clock } from '../clock.ts';
import type { PowerOutcome } from './outcome.ts';
import type { ParameterProblem, PowerParameter, PowerValues } from './parameters.ts';
import type { SshIdentity } from './ssh-identity.ts';

/** How to switch a machine off: by asking its operating system, or by cutting its power. */
export type OffManner = 'soft' | 'hard';

/** The power controller of one machine. */
export interface PowerPort {
  /** The name of the controller, without secrets: `ipmi 10.0.0.5:623`. Controllers of one name get one request at a time. */
  readonly controller: string;
  /** Switches the machine on; also done if it is already on. */
  on(signal: AbortSignal): Promise<PowerOutcome>;
  /** Switches the machine off; also done if it is already off. A soft off is done as soon as the system has been asked. */
  off(manner: OffManner, signal: AbortSignal): Promise<PowerOutcome>;
  /** Reads whether the machine has power. */
  query(signal: AbortSignal): Promise<PowerOutcome>;
  /** Makes the network the next boot device; the outcome says whether that worked. Undefined if the driver cannot. */
  readonly netboot?: (signal: AbortSignal) => Promise<PowerOutcome>;
}

/** What a driver may use apart from a machine's parameters. */
export interface PowerSurroundings {
  readonly clock: Clock;
  /** Rackboot's own key for hypervisors. @throws RackError `tool-missing`, `tool-failed`, `store-unwritable` */
  readonly sshIdentity: () => Promise<SshIdentity>;
}

/** A port, or what is wrong with the parameters. */
export type OpenedPort =
  | { readonly kind: 'open'; readonly port: PowerPort }
  | { readonly kind: 'bad-parameters'; readonly problems: readonly ParameterProblem[] };

/** A power driver. */
export interface PowerDriver {
  /** The `power_type` in the API. */
  readonly name: string;
  /** The name shown to people. */
  readonly label: string;
  /** True if a person switches the machine, so that its state is never known. */
  readonly byHand: boolean;
  readonly parameters: readonly PowerParameter[];
  /** @param machine its system id */
  open(machine: string, values: PowerValues, surroundings: PowerSurroundings): OpenedPort;
}
