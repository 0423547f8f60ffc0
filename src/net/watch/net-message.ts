// The messages between the net worker and the main thread.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { HostInterface } from '../host-interface.ts';
import type { Owner } from '../shares/kept-apart.ts';
import type { Sighting } from './neighbours.ts';

export interface NetWorkerData {
  /** Wakes the worker; all threads of a process share descriptors. */
  readonly eventFd: number;
}

/** The worker reads messages once the eventfd is written. */
export type ToNetWorker =
  | { readonly kind: 'serve'; readonly names: readonly string[] }
  | { readonly kind: 'probe'; readonly id: number; readonly address: Ipv4; readonly interfaceName: string }
  | ({ readonly kind: 'advertise' } & Solicitation)
  | ({ readonly kind: 'wake' } & WakeRequest)
  /** A machine boots: its solicitations come first. */
  | { readonly kind: 'booting'; readonly mac: MacAddress; readonly owner: Owner };

export interface WakeRequest {
  readonly interfaceName: string;
  readonly mac: MacAddress;
  /** The password of SecureOn, 4 or 6 bytes; `undefined` if there is none. */
  readonly password: Uint8Array | undefined;
  /** The rack's address on the interface, from which the datagram comes; `undefined` if it has none. */
  readonly source: Ipv4 | undefined;
}

export interface Solicitation {
  readonly interfaceName: string;
  readonly mac: MacAddress;
  /** Its link-local address, 16 bytes. */
  readonly source: Uint8Array;
}

export type FromNetWorker =
  /** Sent at first and after every change. */
  | { readonly kind: 'interfaces'; readonly interfaces: readonly HostInterface[] }
  /** Why kinds of frame cannot be received; sent before the first interfaces, and again on failure. */
  | { readonly kind: 'senses'; readonly arp: string; readonly routers: string }
  /** `isSent` is false if the probe could not be sent. */
  | { readonly kind: 'probed'; readonly id: number; readonly user: MacAddress | undefined; readonly isSent: boolean }
  | { readonly kind: 'sightings'; readonly sightings: readonly Sighting[] }
  | { readonly kind: 'solicitation'; readonly solicitation: Solicitation }
  | { readonly kind: 'router'; readonly interfaceName: string; readonly mac: MacAddress }
  /** `code` is the error, or empty. */
  | { readonly kind: 'advertised'; readonly solicitation: Solicitation; readonly code: string };
