// What the thread of a remote region is started with. Plain data: it crosses threads.

import type { RegionKey } from './region-key.ts';

export interface UplinkThreadData {
  readonly stateDir: string;
  /** region.url */
  readonly url: string;
  readonly key: RegionKey;
  /** Where the key is, for people. */
  readonly keyFile: string;
  /** PEM certificates by which the region's is judged; undefined: those of the system. */
  readonly ca: string | undefined;
  /** The version of Rackboot. */
  readonly version: string;
}
