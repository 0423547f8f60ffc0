// `rackboot status`: what the running rack serves, what waits, and what counts.

import { systemClock } from '../clock.ts';
import { loadPlace } from '../config/load.ts';
import { askDaemon } from './control.ts';
import { formatBytes, formatDuration, printJson, printTable } from './output.ts';
import { regionLines } from './region-lines.ts';
import { statusShape } from './shapes.ts';

/** Prints the state. @returns 0 when every interface is served and the region answers, else 1 */
export async function showStatus(file: string, json: boolean): Promise<number> {
  const raw = await askDaemon(loadPlace(file).stateDir, '/status');
  const status = statusShape.parse(raw);
  const now = systemClock.wallTimeMs();
  const healthy =
    status.interfaces.every(({ serving }) => serving) && status.region?.state === 'up' && status.journal.available;
  if (json) {
    printJson(raw);
    return healthy ? 0 : 1;
  }
  console.log(
    `${status.name}: Rackboot ${status.version}, process ${status.pid}, up ${formatDuration(status.uptimeMs)}, ${formatBytes(status.memoryBytes)}`,
  );
  console.log('');
  printTable(
    ['NETWORK', 'INTERFACE', 'STATE'],
    status.interfaces.map((entry) => [
      `${entry.name} ${entry.network}`,
      entry.interface || '(relayed)',
      entry.serving ? 'served' : `waits: ${entry.reason}`,
    ]),
    'No cluster interface is configured.',
  );
  console.log('');
  for (const [name, part] of [
    ['TFTP', status.tftp],
    ['HTTP', status.http],
    ['DNS', status.dns],
  ] as const) {
    console.log(
      `${name.padEnd(8)}${part === undefined || part.listening.length === 0 ? 'not served' : part.listening.join(', ')}`,
    );
  }
  for (const line of regionLines(status.region, status.machinesKnown, now)) console.log(line);
  console.log(
    `Leases  ${status.journal.available ? 'are written to disk' : `cannot be written: ${status.journal.reason}`}`,
  );
  for (const problem of status.dhcp?.problems ?? []) console.log(`BAD     DHCP on ${problem.name}: ${problem.text}`);
  for (const note of status.notes) console.log(`Note    ${note}`);
  return healthy ? 0 : 1;
}
