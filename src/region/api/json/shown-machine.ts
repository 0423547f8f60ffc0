// A machine as the API version of the request represents it, with its current power reading.

import { type Whereabouts, whereabouts } from '../../life/whereabouts.ts';
import type { Machine } from '../../records/machine.ts';
import type { ApiCall } from '../call/operation.ts';
import { machineJson } from './machine-json.ts';
import { nodeJson } from './node-json.ts';

/** The machine as the client of this call expects it. @param where given by lists, which look it up once for all machines */
export function showMachine(
  { region, version }: Pick<ApiCall, 'region' | 'version'>,
  machine: Machine,
  where: Whereabouts = whereabouts(region),
): Record<string, unknown> {
  const power = region.power?.reading(machine.systemId);
  if (version === '1.0') return nodeJson(machine, where, power);
  return machineJson(machine, where, region.clock.wallTimeMs(), power);
}
