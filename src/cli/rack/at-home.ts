// With which racks a machine is at home, where this host's rack is none of them: what this rack knows of it is little, and they boot it.

import { z } from 'zod';
import { RackError } from '../../errors.ts';
import { askDaemon } from '../control.ts';

const statusShape = z.looseObject({ name: z.string() });
const machineShape = z.looseObject({ rack_names: z.array(z.string()).default([]) });

/** The name of this host's rack. @throws RackError as `askDaemon` */
export const ownRackName = async (stateDir: string): Promise<string> =>
  statusShape.parse(await askDaemon(stateDir, '/status')).name;

/** The racks of which this one is none; empty: it is one of them, or none has shown the machine yet. */
export function otherRacks(machine: unknown, own: string): readonly string[] {
  const { rack_names: racks } = machineShape.parse(machine);
  return racks.includes(own) ? [] : racks;
}

/** The same, of a machine by its system id; empty also where the region cannot be asked. */
export async function findOtherRacks(stateDir: string, systemId: string): Promise<readonly string[]> {
  try {
    const own = await ownRackName(stateDir);
    return otherRacks(await askDaemon(stateDir, `/MAAS/api/2.0/machines/${systemId}/`), own);
  } catch (error) {
    // Without the region the rack's own words stand.
    if (error instanceof RackError) return [];
    throw error;
  }
}

/** Where to ask instead. @param command what asks, `trace` or `why` */
export const askThere = (racks: readonly string[], command: string): string =>
  `It is at home with rack ${racks.join(' and ')}: ask there, by rackboot ${command} on the host of that rack.`;
