// Whether the region will be able to start, asked before the first machine is answered: its database opens, and its ports are free.
// A rack that would have to stop again must not have handed out an address before.

import { createServer } from 'node:net';
import { join } from 'node:path';
import { readCertificatePair } from '../../files/certificate.ts';
import { parseIpv4 } from '../../net/address.ts';
import { socketErrorFrom } from '../../net/socket-error.ts';
import type { RegionConfig } from '../../region/config.ts';
import { openDatabaseFile } from '../../store/database-file.ts';
import { REGION_DATABASE, REGION_FILE } from '../../store/region-migrations.ts';

/** @throws RackError as the region itself would: `store-…`, `certificate-unusable`, `address-in-use`, `permission-denied` */
export async function checkRegion(config: Pick<RegionConfig, 'listen' | 'tls' | 'stateDir'>): Promise<void> {
  openDatabaseFile(join(config.stateDir, REGION_FILE), REGION_DATABASE).close();
  if (config.tls !== undefined) readCertificatePair(config.tls);
  for (const { host, port } of config.listen) await checkPort(host, port, 'region.listen');
  for (const { host, port } of config.tls?.listen ?? []) await checkPort(host, port, 'region.tls.listen');
}

type Place = RegionConfig['listen'][number];
const EVERYWHERE = '0.0.0.0';

/** The listeners of `next` on ports that the region does not hold by `before`: what it holds is no stranger's. */
export function newListeners(
  next: Pick<RegionConfig, 'listen' | 'tls'>,
  before: Pick<RegionConfig, 'listen' | 'tls'>,
): Pick<RegionConfig, 'listen'> & { readonly tlsListen: readonly Place[] } {
  const held = [...before.listen, ...(before.tls?.listen ?? [])];
  const isNew = (place: Place): boolean =>
    !held.some(
      ({ host, port }) =>
        port === place.port && (host === place.host || host === EVERYWHERE || place.host === EVERYWHERE),
    );
  return { listen: next.listen.filter(isNew), tlsListen: (next.tls?.listen ?? []).filter(isNew) };
}

/** Whether a running region will be able to open its further listeners. @throws RackError as the start does */
export async function checkNewListeners(
  next: Pick<RegionConfig, 'listen' | 'tls'>,
  before: Pick<RegionConfig, 'listen' | 'tls'>,
): Promise<void> {
  const { listen, tlsListen } = newListeners(next, before);
  for (const { host, port } of listen) await checkPort(host, port, 'region.listen');
  for (const { host, port } of tlsListen) await checkPort(host, port, 'region.tls.listen');
}

/** Opens the port and closes it again. An address that is not here yet is one that the region waits for. */
function checkPort(host: string, port: number, setting: string): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const address = parseIpv4(host);
      if (address === undefined) {
        reject(cause);
        return;
      }
      const error = socketErrorFrom(cause, { address, port, protocol: 'TCP', setting });
      if (error.code === 'address-not-here') resolve();
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
