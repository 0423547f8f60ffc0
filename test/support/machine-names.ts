// The machines of a rack's region, by name.

import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import type { RunningRack } from './running-rack.ts';

export async function machineNames(rack: RunningRack): Promise<readonly string[]> {
  const machines = machinesShape.parse(await rack.ask('/MAAS/api/2.0/machines/'));
  return machines.map(({ hostname }) => hostname);
}
