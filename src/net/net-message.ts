// What the net worker and the main thread say to each other.

import type { Owner } from '../kept-apart.ts';
import type { Ipv4, MacAddress } from './address.ts';
import type { HostInterface } from './host-interface.ts';
import type { Sighting } from './neighbours.ts';

/** Handed to the worker when it starts. */
export interface NetWorkerData {
  /** The eventfd by which the worker is woken: descriptors are shared by all threads of a process. */
  readonly eventFd: number;
}

/** From the main thread; it takes effect once the eventfd was written. */
export type ToNetWorker =
  | { readonly kind: 'stop' }
  /** Listen on these interfaces, in place of those named before. */
  | { readonly kind: 'serve'; readonly names: readonly string[] }
  /** Ask whether somebody uses an address. */
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

/** From the worker. */
export type FromNetWorker =
  /** The interfaces, at first and after every change. */
  | { readonly kind: 'interfaces'; readonly interfaces: readonly HostInterface[] }
  /** What of the wire can be heard; said before the first interfaces, and again when it ends. */
  | { readonly kind: 'senses'; readonly arp: string; readonly routers: string }
  /** The end of a probe; `made` false: it could not be made. */
  | { readonly kind: 'probed'; readonly id: number; readonly user: MacAddress | undefined; readonly made: boolean }
  | { readonly kind: 'sightings'; readonly sightings: readonly Sighting[] }
  | { readonly kind: 'solicitation'; readonly solicitation: Solicitation }
  /** Somebody else on this wire is an IPv6 router. */
  | { readonly kind: 'router'; readonly interfaceName: string; readonly mac: MacAddress }
  /** An advertisement left; `code` is empty, or why it did not. */
  | { readonly kind: 'advertised'; readonly solicitation: Solicitation; readonly code: string };
