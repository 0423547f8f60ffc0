// The texts of answers that the rack gives in the region's place, for the person who reads a
// machine's console. Programs read the status.

import type { RegionUnreached } from './events.ts';

/** Why the region did not answer a request, or why its report was not kept. */
interface Unreached {
  readonly reason: RegionUnreached;
  readonly region?: string;
  readonly said?: string;
}

/** The rack keeps the report. */
export const QUEUED_TEXT = 'the region is away; this rack keeps the report for it';

export function unreachedText({ reason, region = '', said = '' }: Unreached): string {
  switch (reason) {
    case 'no-region':
      return 'this rack has no region: set region.mode, or region.url, in its configuration';
    case 'region-silent':
      return `the region at ${region} does not answer: ${said}`;
    case 'region-foreign':
      return `the server at ${region} ${said}, but is not a Rackboot region: correct this address in region.url, or the proxy between`;
    default:
      return `the region is away, and the report cannot be kept: ${reason}`;
  }
}
