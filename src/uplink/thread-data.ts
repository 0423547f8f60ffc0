// The start parameters of the uplink thread to a remote region. Plain data: it crosses threads.

import type { RegionKey } from './region-key.ts';

export interface UplinkThreadData {
  readonly stateDir: string;
  /** region.url: the addresses of the region, at least one. */
  readonly urls: readonly string[];
  readonly key: RegionKey;
  /** The path of the key file, for messages. */
  readonly keyFile: string;
  /** PEM certificates to trust instead of the system's; `undefined` to trust the system's. */
  readonly ca: string | undefined;
  /** The version of Rackboot. */
  readonly version: string;
}
