// What goes into a simulated machine, and what it wants done: the port between `simulated-machine.ts` and whoever carries its words.

import type { Ipv4 } from '../net/address.ts';

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
  /** Port 0: the server's well-known port. A new `transfer` number asks for a new source port. */
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
      /** Header fields beside those that say what the body is. */
      readonly fields?: Readonly<Record<string, string>>;
    }
  /** From now on it sends from this address. */
  | { readonly kind: 'address'; readonly address: Ipv4 }
  | { readonly kind: 'step'; readonly step: MachineStep }
  | { readonly kind: 'off'; readonly outcome: MachineOutcome };

/** What a person watching the machine would see. */
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
  /** The rack keeps its report for a region that is away. */
  | { readonly kind: 'queued' }
  /** It was told to start its disk, on which there is nothing. */
  | { readonly kind: 'local-boot' }
  /** The agent did a job. */
  | { readonly kind: 'worked'; readonly job: string }
  /** The system on its disk is up and has an address; the machine stays on. */
  | { readonly kind: 'system-up'; readonly address: Ipv4 }
  | { readonly kind: 'powered-off' }
  | { readonly kind: 'failed'; readonly reason: string };
