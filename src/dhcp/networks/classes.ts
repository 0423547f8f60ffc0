// Classes of clients by configuration: to whom more, or other things, or nothing is given. Pure. Sources: dnsmasq's tags and Kea's client
// classes, of which this is the part that a rack needs.
//
//   classes of the network, in their order ─→ those of dhcp.classes
//
// 1. A client is in every class whose condition holds. Of what several say (a loader, a lease time, deny) the first that says it counts; of
//    options the first entry of a code that fits.
// 2. A class comes after a host's own options, and before those of its network.
// 3. A network without classes costs nothing.

import type { Seconds } from '../../clock.ts';
import type { ClientCondition, ClientSubject } from './conditions.ts';
import type { OptionTable } from './configured-options.ts';

/** A class as a network has it. */
export interface DhcpClass {
  readonly name: string;
  readonly when: ClientCondition;
  /** Undefined: none. */
  readonly options?: OptionTable | undefined;
  /** By number of option 93, or `ipxe`; undefined: none. */
  readonly loaders?: ReadonlyMap<string, string> | undefined;
  /** Of its clients that do not boot from the network, whatever they ask for; undefined: as everybody's. */
  readonly leaseTime?: Seconds | undefined;
  /** True: its clients get no answer; false: they do, whatever a class behind this one says; undefined: it says nothing. */
  readonly deny?: boolean | undefined;
}

/** Those of a network's classes that a client is in, in their order. */
export const classesFor = (classes: readonly DhcpClass[], client: ClientSubject): readonly DhcpClass[] =>
  classes.filter(({ when }) => client.fits(when));

/** The lease time that classes say; undefined: none says one. */
export const leaseTimeAmong = (classes: readonly DhcpClass[]): Seconds | undefined =>
  classes.find(({ leaseTime }) => leaseTime !== undefined)?.leaseTime;

/** The class that denies an answer; undefined: none does. */
export function denyingAmong(classes: readonly DhcpClass[]): DhcpClass | undefined {
  const first = classes.find(({ deny }) => deny !== undefined);
  return first?.deny === true ? first : undefined;
}

/** The names of classes, for people; undefined: there are none. */
export const namesOf = (classes: readonly DhcpClass[]): string | undefined =>
  classes.length === 0 ? undefined : classes.map(({ name }) => name).join(', ');
