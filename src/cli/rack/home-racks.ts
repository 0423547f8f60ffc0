// Machines whose home is another rack: that rack boots them, and this host's rack knows little about them.

import { z } from 'zod';
import { askDaemon } from '../../control/ask-daemon.ts';

const statusShape = z.looseObject({ name: z.string() });
const machineShape = z.looseObject({ rack_names: z.array(z.string()).default([]) });

/** The name of this host's rack. @throws RackError as `askDaemon` */
export const ownRackName = async (stateDir: string): Promise<string> =>
  statusShape.parse(await askDaemon(stateDir, '/status')).name;

/**
 * A machine's home racks, if this rack is not among them; empty if it is, or if the machine has no
 * home rack yet.
 */
export function otherRacks(machine: unknown, own: string): readonly string[] {
  const { rack_names: racks } = machineShape.parse(machine);
  return racks.includes(own) ? [] : racks;
}

/** The hint to run the command on the other rack's host. @param command `trace` or `why` */
export const askThere = (racks: readonly string[], command: string): string =>
  `Its home is rack ${racks.join(' and ')}: run rackboot ${command} on the host of that rack.`;
