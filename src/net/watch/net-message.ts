// The messages between the net worker and the main thread.

import type { Ipv4, MacAddress } from '../address.ts';
import type { HostInterface } from '../host-interface.ts';
import type { Owner } from '../shares/kept-apart.ts';
import type { Sighting } from './neighbours.ts';

/** The worker's start data. */
export interface NetWorkerData {
  /** The eventfd that wakes the worker; all threads of a process share descriptors. */
  readonly eventFd: number;
}

/** A message from the main thread; the worker reads it once the eventfd is written. */
export type ToNetWorker =
  | { readonly kind: 'stop' }
  /** Listen on these interfaces only. */
  | { readonly kind: 'serve'; readonly names: readonly string[] }
  /** Ask whether a host uses an address. */
  | { readonly kind: 'probe'; readonly id: number; readonly address: Ipv4; readonly interfaceName: string }
  /** Tell a machine that there is no IPv6 router. */
  | ({ readonly kind: 'advertise' } & Solicitation)
  /** A machine boots: its solicitations come first. */
  | { readonly kind: 'booting'; readonly mac: MacAddress; readonly owner: Owner };

/** A machine that looks for an IPv6 router. */
export interface Solicitation {
  readonly interfaceName: string;
  readonly mac: MacAddress;
  /** Its link-local address, 16 bytes. */
  readonly source: Uint8Array;
}

/** A message from the worker. */
export type FromNetWorker =
  /** The interfaces, at first and after every change. */
  | { readonly kind: 'interfaces'; readonly interfaces: readonly HostInterface[] }
  /** The kinds of frame that cannot be received, with the reasons; sent before the first interfaces, and again on failure. */
  | { readonly kind: 'senses'; readonly arp: string; readonly routers: string }
  /** The end of a probe; `made` false: it could not be sent. */
  | { readonly kind: 'probed'; readonly id: number; readonly user: MacAddress | undefined; readonly made: boolean }
  | { readonly kind: 'sightings'; readonly sightings: readonly Sighting[] }
  | { readonly kind: 'solicitation'; readonly solicitation: Solicitation }
  /** Another host on this wire is an IPv6 router. */
  | { readonly kind: 'router'; readonly interfaceName: string; readonly mac: MacAddress }
  /** An advertisement was sent; `code` is empty, or the error if it was not. */
  | { readonly kind: 'advertised'; readonly solicitation: Solicitation; readonly code: string };
