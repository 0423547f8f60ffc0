// Texts of the page that the API or the command line also uses.

import { counted } from '../../../counted.ts';
import { formatIpv4, type Ipv4 } from '../../../net/address.ts';
import { pinText } from './settings.ts';

export const TEXTS = {
  pinned: pinText,
  /** For a search without results. @param machines the number of machines, at least 1 */
  noneFits: (machines: number): string =>
    machines === 1 ? 'The only machine does not match.' : `None of the ${counted(machines, 'machine')} matches.`,
  rangeShared: ({ rack, low, high }: { readonly rack: string; readonly low: Ipv4; readonly high: Ipv4 }): string =>
    `${rack} also hands out ${formatIpv4(low)} to ${formatIpv4(high)}: give these addresses to one of them`,
};
