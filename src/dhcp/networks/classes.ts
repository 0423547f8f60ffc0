// Configured classes of clients: which get more, something else, or nothing. Pure. Sources:
// dnsmasq's tags and Kea's client classes.
//
//   classes of the network, in their order ─→ those of dhcp.classes
//
// 1. A client is in every class whose condition holds; if several set the same thing, the first
//    counts. For options, the first matching entry of a code.
// 2. A class's options come after a host's and before the network's.
// 3. A network without classes costs nothing.

import type { Seconds } from '../../ground/clock.ts';
import type { ClientCondition, ClientSubject } from './conditions.ts';
import type { OptionTable } from './configured-options.ts';

export interface DhcpClass {
  readonly name: string;
  readonly when: ClientCondition;
  /** Undefined: none. */
  readonly options?: OptionTable | undefined;
  /** By number of option 93, or `ipxe`. */
  readonly loaders?: ReadonlyMap<string, string> | undefined;
  /** For its clients that do not boot from the network, whatever they ask for. */
  readonly leaseTime?: Seconds | undefined;
  /** True: its clients get no reply. False: they do, whatever later classes say. Undefined: no say. */
  readonly deny?: boolean | undefined;
}

/** A client's classes in order. */
export const classesFor = (classes: readonly DhcpClass[], client: ClientSubject): readonly DhcpClass[] =>
  classes.filter(({ when }) => client.fits(when));

/** The classes' lease time, if any. */
export const leaseTimeAmong = (classes: readonly DhcpClass[]): Seconds | undefined =>
  classes.find(({ leaseTime }) => leaseTime !== undefined)?.leaseTime;

/** The class that denies a reply. */
export function denyingAmong(classes: readonly DhcpClass[]): DhcpClass | undefined {
  const first = classes.find(({ deny }) => deny !== undefined);
  return first?.deny === true ? first : undefined;
}

/** The names of classes for people. */
export const joinClassNames = (classes: readonly DhcpClass[]): string | undefined =>
  classes.length === 0 ? undefined : classes.map(({ name }) => name).join(', ');
