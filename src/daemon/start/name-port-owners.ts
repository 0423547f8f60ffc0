// A start that is refused because ports are taken: who has them, of all that the configuration
// needs, and what to do.

import type { RackConfig } from '../../config/rack-config.ts';
import { listWantedPorts } from '../../config/wanted-ports.ts';
import { RackError } from '../../ground/errors.ts';
import { composePortRemedy, describePortConflict, findPortConflicts, isHarmless } from '../../net/ports/taken-ports.ts';

/**
 * The failure with a line for each program. Another failure, or one whose program cannot be seen,
 * stays as it is.
 */
export function namePortOwners(failure: unknown, config: RackConfig): unknown {
  if (!(failure instanceof RackError) || failure.code !== 'address-in-use') return failure;
  const conflicts = findPortConflicts(listWantedPorts(config), { pid: process.pid, isHidden: false });
  const lines = conflicts
    .filter((conflict) => !isHarmless(conflict))
    .map((conflict) => `${describePortConflict(conflict)} (${composePortRemedy(conflict).replaceAll('\n', '; ')})`);
  return lines.length === 0 ? failure : new RackError(failure.code, lines.join('\n'), { cause: failure });
}
