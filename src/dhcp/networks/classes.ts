// Configured classes of clients: which get more, something else, or nothing. Pure. Sources: dnsmasq's tags and Kea's client classes, of
// which this is the part a rack needs.
//
//   classes of the network, in their order ─→ those of dhcp.classes
//
// 1. A client is in every class whose condition holds. If several set the same thing (a loader, a lease time, deny), the first counts; for
//    options, the first matching entry of a code.
// 2. The options of a class come after a host's own and before those of its network.
// 3. A network without classes costs nothing.

import type { Seconds } from '../../clock.ts';
import type { ClientCondition, ClientSubject } from './conditions.ts';
import type { OptionTable } from './configured-options.ts';

/** A class, as a network has it. */
export interface DhcpClass {
  readonly name: string;
  readonly when: ClientCondition;
  /** Undefined: none. */
  readonly options?: OptionTable | undefined;
  /** By number of option 93, or `ipxe`; undefined: none. */
  readonly loaders?: ReadonlyMap<string, string> | undefined;
  /** For its clients that do not boot from the network, whatever they ask for; undefined: no special lease time. */
  readonly leaseTime?: Seconds | undefined;
  /** True: its clients get no reply. False: they do, whatever later classes say. Undefined: the class has no say. */
  readonly deny?: boolean | undefined;
}

/** The classes of a network that a client is in, in their order. */
export const classesFor = (classes: readonly DhcpClass[], client: ClientSubject): readonly DhcpClass[] =>
  classes.filter(({ when }) => client.fits(when));

/** The lease time that the classes set; undefined: none. */
export const leaseTimeAmong = (classes: readonly DhcpClass[]): Seconds | undefined =>
  classes.find(({ leaseTime }) => leaseTime !== undefined)?.leaseTime;

/** The class that denies a reply; undefined: none. */
export function denyingAmong(classes: readonly DhcpClass[]): DhcpClass | undefined {
  const first = classes.find(({ deny }) => deny !== undefined);
  return first?.deny === true ? first : undefined;
}

/** The names of classes, for people; undefined: none. */
export const namesOf = (classes: readonly DhcpClass[]): string | undefined =>
  classes.length === 0 ? undefined : classes.map(({ name }) => name).join(', ');
