// Whether a lab finds its ports free, before it starts anything: a second lab at the same time is told so in one line.

import { createServer } from 'node:net';
import { osErrorCode, RackError } from '../errors.ts';
import type { LabRack } from './lab-files.ts';

/** @throws RackError `address-in-use` naming the address and what to do */
export async function checkPorts(racks: readonly Pick<LabRack, 'place'>[]): Promise<void> {
  for (const [index, { place }] of racks.entries()) {
    if (index === 0) await checkPort('127.0.0.1', place.regionPort);
    await checkPort(`${place.octets}.1`, place.httpPort);
  }
}

/** Opens a port for a moment. @throws RackError `address-in-use` */
export async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (cause) {
    if (osErrorCode(cause) !== 'EADDRINUSE') throw cause;
    throw portInUse(host, port, cause);
  } finally {
    server.close();
  }
}

/** What a person is told of a port that somebody else has. */
function portInUse(host: string, port: number, cause: unknown): RackError {
  const text =
    `${host}:${port} is in use, most likely by another lab: one lab at a time runs on a host. ` +
    `End it with Ctrl-C where it runs; \`ss -ltnp sport = :${port}\` shows its process`;
  return new RackError('address-in-use', text, { cause });
}
