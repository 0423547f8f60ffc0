// The lines of `rackboot status` about a region that runs apart from a rack.

import type { z } from 'zod';
import { counted } from '../../ground/counted.ts';
import type { statusShape } from '../terminal/shapes.ts';

type RegionStatus = NonNullable<z.infer<typeof statusShape>['region']>;

/** True for a region without a rack in its process. */
export const isApart = (region: RegionStatus | undefined): region is RegionStatus => region?.mode === 'apart';

/** The region's addresses, its number of machines, and its store. */
export function apartLines(
  { state, addresses, store, duties, problem }: RegionStatus,
  machines: number,
): readonly string[] {
  const at = addresses.length === 0 ? '' : ` at ${addresses.join(', ')}`;
  const contents = problem === undefined ? `, ${counted(machines, 'machine')}` : '';
  const lines = [`Region  ${state}${at}${contents}`, `Store   ${store ?? 'unknown'}`];
  if (duties !== undefined) lines.push(`Duties  ${duties.isHere ? 'this process' : `the process ${duties.holder}`}`);
  return lines;
}
