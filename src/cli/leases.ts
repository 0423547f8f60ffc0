// `rackboot leases list`: who holds which address until when.

import { loadPlace } from '../config/load.ts';
import { askDaemon } from './control.ts';
import { printJson, printTable } from './output.ts';
import { leasesShape } from './shapes.ts';

/** Prints the leases by address. @returns 0 */
export async function listLeases(file: string, json: boolean): Promise<number> {
  const raw = await askDaemon(loadPlace(file).stateDir, '/leases');
  if (json) printJson(raw);
  else {
    printTable(
      ['ADDRESS', 'MAC', 'STATE', 'NAME', 'UNTIL'],
      leasesShape
        .parse(raw)
        .map((lease) => [
          lease.address,
          lease.mac,
          lease.state,
          lease.machine ?? lease.hostname ?? '',
          lease.expiresAt,
        ]),
      'No lease was given yet.',
    );
  }
  return 0;
}
