// A machine in the words of the API version in which it was asked for, with what is known of its power at this moment.

import type { Machine } from '../records/machine.ts';
import { type Whereabouts, whereabouts } from '../whereabouts.ts';
import { machineJson } from './machine-json.ts';
import { nodeJson } from './node-json.ts';
import type { ApiCall } from './operation.ts';

/** The machine as a client of this call expects it. @param where given for a list, which asks once for all of its machines */
export function showMachine(
  { region, version }: Pick<ApiCall, 'region' | 'version'>,
  machine: Machine,
  where: Whereabouts = whereabouts(region.racks),
): Record<string, unknown> {
  const power = region.power?.reading(machine.systemId);
  return version === '1.0' ? nodeJson(machine, where, power) : machineJson(machine, where, power);
}
