// The inputs and actions of a simulated machine: the port between `simulated-machine.ts` and the
// code that runs it.

import type { Ipv4 } from '../ground/address.ts';

export type MachineInput =
  | { readonly kind: 'power-on' }
  | { readonly kind: 'dhcp'; readonly bytes: Uint8Array }
  | { readonly kind: 'tftp'; readonly bytes: Uint8Array; readonly from: Ipv4; readonly fromPort: number }
  /** The answer to the one HTTP request in flight. */
  | { readonly kind: 'http'; readonly status: number; readonly body: Uint8Array }
  | { readonly kind: 'http-failed'; readonly reason: string }
  | { readonly kind: 'timeout' };

export type MachineAction =
  | { readonly kind: 'broadcast'; readonly bytes: Uint8Array }
  /** Port 0 is the server's well-known port. A new `transfer` number requires a new source port. */
  | {
      readonly kind: 'tftp';
      readonly bytes: Uint8Array;
      readonly to: Ipv4;
      readonly port: number;
      readonly transfer: number;
    }
  | {
      readonly kind: 'http';
      readonly method: 'GET' | 'POST';
      readonly url: string;
      readonly body?: string;
      /** Header fields in addition to those that describe the body. */
      readonly fields?: Readonly<Record<string, string>>;
    }
  /** From now on the machine sends from this address. */
  | { readonly kind: 'address'; readonly address: Ipv4 }
  | { readonly kind: 'step'; readonly step: MachineStep }
  | { readonly kind: 'off'; readonly outcome: MachineOutcome };

/** A step that a person watching the machine would see. */
export interface MachineStep {
  readonly name:
    | 'power-on'
    | 'offer'
    | 'address'
    | 'loader'
    | 'configuration'
    | 'kernel'
    | 'initrd'
    | 'running'
    | 'posted'
    | 'working'
    | 'system'
    | 'waiting'
    | 'off';
  readonly text: string;
}

export type MachineOutcome =
  | { readonly kind: 'enlisted'; readonly systemId: string }
  /** The rack stored the machine's report, because the region is away. */
  | { readonly kind: 'queued' }
  /** The machine was told to boot its disk, which is blank. */
  | { readonly kind: 'local-boot' }
  /** The agent has finished a job. */
  | { readonly kind: 'worked'; readonly job: string }
  /** The system on the disk is up and has an address; the machine stays on. */
  | { readonly kind: 'system-up'; readonly address: Ipv4 }
  | { readonly kind: 'powered-off' }
  | { readonly kind: 'failed'; readonly reason: string };
