// The racks and addresses of a machine, as shown to people.
//
// 1. A machine's last seen address stays in the store, because it shows the machine's network. People see it as the machine's own until a
//    rack reports the end of its lease. They see an address of a static range only while it is allocated to the machine.
// 2. Only this file decides which addresses are shown, so the API, the page and the commands agree for the machines of every rack.

import { createHash } from 'node:crypto';
import type { Ipv4 } from '../../net/address.ts';
import type { NetworkView } from '../networks/network-view.ts';
import type { Networks } from '../networks/networks.ts';
import type { Racks } from '../racks/racks.ts';
import type { Machine } from '../records/machine.ts';
import type { Rack } from '../records/rack.ts';
import { lentAddresses } from './static-addresses.ts';

/** A snapshot of the racks; make one for each list of machines. */
export interface Whereabouts {
  /** The accepted racks of a machine's home; empty if no rack has shown it yet. */
  racksOf(machine: Pick<Machine, 'home'>): readonly Rack[];
  /** A machine's allocated addresses, followed by the last seen addresses that it may still hold. */
  addressesOf(machine: Pick<Machine, 'addresses' | 'interfaces'>): readonly Ipv4[];
  /** The networks to which interfaces are linked. */
  networks(): NetworkView;
}

/** The racks and networks of a region. */
interface Places {
  readonly racks: Pick<Racks, 'list' | 'homes'>;
  readonly networks: Pick<Networks, 'known'>;
}

/**
 * Returns a function for the digest of everything on which `whereabouts` depends: while the digest stays the same, so do the answers. The
 * digest is computed at the first call, and again after racks or networks were read again. A mere heartbeat does not change it.
 */
export function basisReader({
  racks,
  networks,
}: Places & { readonly networks: Pick<Networks, 'stored'> }): () => string {
  let madeOf: readonly unknown[] = [];
  let basis = '';
  return () => {
    const now = [racks.list(), networks.stored];
    if (now.some((one, index) => one !== madeOf[index])) {
      const parts = racks.list().map(({ uuid, name, state, isEmbedded, interfaces, agreed, disputed }) => ({
        ...{ uuid, name, state, isEmbedded, interfaces, agreed, disputed },
      }));
      const { records, served, reverseMode } = networks.known;
      const text = JSON.stringify([parts, records, served, reverseMode]);
      basis = createHash('sha256').update(text).digest('base64url');
      madeOf = now;
    }
    return basis;
  };
}

/** The whereabouts for the current racks and networks. */
export function whereabouts({ racks, networks: objects }: Places): Whereabouts {
  const all = racks.list();
  let isLent: ReturnType<typeof lentAddresses> | undefined;
  let networks: NetworkView | undefined;
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
    networks: () => {
      networks ??= objects.known;
      return networks;
    },
  };
}
