// Where machines are, as people are shown it: with which racks, and under which addresses.
//
// 1. The address with which a machine was seen last stays in the store: it says in which network the machine is. It is shown as the
//    machine's own until a rack has told that its lease ended, or the machine is given it no more.
// 2. That is decided here alone, so that the API, the page and the commands say the same of the machines of every rack.

import type { Ipv4 } from '../net/address.ts';
import { lentAddresses } from './life/static-addresses.ts';
import type { Racks } from './racks/racks.ts';
import type { Machine } from './records/machine.ts';
import type { Rack } from './records/rack.ts';

/** What is asked of the racks as they are at this moment: ask for it once for a list of machines. */
export interface Whereabouts {
  /** The accepted racks with which a machine is at home; empty: no rack has shown it yet. */
  racksOf(machine: Pick<Machine, 'home'>): readonly Rack[];
  /** The addresses that a machine was given, then those with which it was seen and which it may still have. */
  addressesOf(machine: Pick<Machine, 'addresses' | 'interfaces'>): readonly Ipv4[];
}

/** For the racks that there are now. */
export function whereabouts(racks: Pick<Racks, 'list' | 'homes'>): Whereabouts {
  const all = racks.list();
  let isLent: ReturnType<typeof lentAddresses> | undefined;
  return {
    racksOf: ({ home }) => racks.homes.racksAt(home, all),
    addressesOf: ({ addresses, interfaces }) => {
      const given = addresses.map(({ address }) => address);
      const seen = interfaces.flatMap(({ address, isEnded = false, mac }) => {
        if (address === undefined || isEnded || given.includes(address)) return [];
        isLent ??= lentAddresses(all);
        return isLent(address, mac) ? [] : [address];
      });
      return [...new Set([...given, ...seen])];
    },
  };
}
