// What a power driver is: a table of parameters, and for a machine with good parameters the few things that can be asked of
// whatever holds its power.
//
// 1. A driver does one thing when it is asked and tries nothing by itself a second time; programs that it runs may send a datagram again.
// 2. Nothing that it starts outlives its time or the abort of its signal.
// 3. It never throws for what happens in the world: that is an outcome.

import type { Clock } from '../clock.ts';
import type { PowerOutcome } from './outcome.ts';
import type { PowerParameter, PowerValues } from './parameters.ts';
import type { SshIdentity } from './ssh-identity.ts';

/** How a machine is switched off: by asking its system, or by cutting its power. */
export type OffManner = 'soft' | 'hard';

/** What holds the power of one machine. */
export interface PowerPort {
  /** Names what is asked, without secrets: `ipmi 10.0.0.5:623`. Of what has one name one thing is asked at a time. */
  readonly controller: string;
  /** Switches it on; done too when it is on already. */
  on(signal: AbortSignal): Promise<PowerOutcome>;
  /** Switches it off; done too when it is off already. A soft manner is done once the system was asked. */
  off(manner: OffManner, signal: AbortSignal): Promise<PowerOutcome>;
  /** Whether it has power. */
  query(signal: AbortSignal): Promise<PowerOutcome>;
  /** Makes the network its next boot device, or says whether it is; undefined: the driver cannot. */
  readonly netboot?: (signal: AbortSignal) => Promise<PowerOutcome>;
}

/** What a driver may use besides a machine's parameters. */
export interface PowerSurroundings {
  readonly clock: Clock;
  /** Rackboot's own key for hypervisors. @throws RackError `tool-missing`, `tool-failed`, `store-unwritable` */
  readonly sshIdentity: () => Promise<SshIdentity>;
}

/** A port, or why there is none: one sentence for each parameter that will not do. */
export type OpenedPort =
  | { readonly kind: 'open'; readonly port: PowerPort }
  | { readonly kind: 'bad-parameters'; readonly problems: readonly string[] };

/** A power driver. */
export interface PowerDriver {
  /** `power_type` of the API. */
  readonly name: string;
  /** For people. */
  readonly label: string;
  /** True: a person switches the machine, and its state is never known. */
  readonly byHand: boolean;
  readonly parameters: readonly PowerParameter[];
  /** @param machine its system id */
  open(machine: string, values: PowerValues, surroundings: PowerSurroundings): OpenedPort;
}
