// Texts of the page that the API or the command line also uses.

import { counted } from '../../../counted.ts';
import { formatIpv4, type Ipv4 } from '../../../net/address.ts';
import { pinText } from '../../records/settings-refusal.ts';

export const TEXTS = {
  pinned: pinText,
  /** For a search without results. @param machines the number of machines, at least 1 */
  noneFits: (machines: number): string =>
    machines === 1 ? 'The only machine does not match.' : `None of the ${counted(machines, 'machine')} matches.`,
  /** The outcome of a scan of networks. @param leftOut networks that are not scanned */
  scanned: {
    started: (networks: readonly string[], leftOut: readonly string[]): string =>
      `Scanning ${networks.join(', ')} is in progress: discovery lists the hosts that answer.` +
      (leftOut.length === 0 ? '' : ` Left out: ${leftOut.join(', ')}.`),
    running: 'A scan is already in progress: wait until it ends.',
    unheard: 'The rack cannot ask by ARP on the interfaces of these networks: rackboot status says why.',
    silent: 'The rack did not answer: ask again.',
  },
  leaseReported: 'Has a lease, as a client of the API reported',
  rangeShared: ({ rack, low, high }: { readonly rack: string; readonly low: Ipv4; readonly high: Ipv4 }): string =>
    `${rack} also hands out ${formatIpv4(low)} to ${formatIpv4(high)}: give these addresses to one of them`,
};
