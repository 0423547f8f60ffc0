// Checks, before the first machine is answered, that the region will be able to start: its database
// opens and its ports are free. A rack that would have to stop again must not have granted an
// address first. A damaged database does not stop the rack, but an interrupted copy does: opening
// the database would begin an empty one next to it.

import { createServer } from 'node:net';
import { join } from 'node:path';
import { readCertificatePair } from '../../files/certificate.ts';
import { parseIpv4 } from '../../ground/address.ts';
import { joinFailures, RackError } from '../../ground/errors.ts';
import { toSocketError } from '../../net/socket-error.ts';
import type { RegionConfig } from '../../region/config.ts';
import { openDatabaseFile } from '../../store/database-file.ts';
import { checkNotInterrupted } from '../../store/region/interrupted-copy.ts';
import { REGION_DATABASE, REGION_FILE } from '../../store/region/region-schema.ts';

/**
 * Checks the region's database, certificate and ports. A damaged database passes: the region's
 * thread reports it.
 * @throws RackError as the region would; it names every port of the region that is taken
 */
export async function checkRegion(config: Pick<RegionConfig, 'listen' | 'tls' | 'stateDir'>): Promise<void> {
  checkDatabase(config.stateDir);
  if (config.tls !== undefined) readCertificatePair(config.tls);
  const failures: RackError[] = [];
  for (const [listeners, setting] of [
    [config.listen, 'region.listen'],
    [config.tls?.listen ?? [], 'region.tls.listen'],
  ] as const)
    for (const { host, port } of listeners) {
      try {
        await checkPort(host, port, setting);
      } catch (error) {
        if (!(error instanceof RackError)) throw error;
        failures.push(error);
      }
    }
  const failure = joinFailures(failures);
  if (failure !== undefined) throw failure;
}

function checkDatabase(stateDir: string): void {
  const path = join(stateDir, REGION_FILE);
  checkNotInterrupted(path);
  try {
    openDatabaseFile(path, REGION_DATABASE).close();
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'store-broken')) throw error;
  }
}

type RegionListener = RegionConfig['listen'][number];
const ANY_HOST = '0.0.0.0';

/** The listeners of `next` on ports that the region did not already hold under `before`. */
export function findNewListeners(
  nextConfig: Pick<RegionConfig, 'listen' | 'tls'>,
  previousConfig: Pick<RegionConfig, 'listen' | 'tls'>,
): Pick<RegionConfig, 'listen'> & { readonly tlsListen: readonly RegionListener[] } {
  const heldListeners = [...previousConfig.listen, ...(previousConfig.tls?.listen ?? [])];
  const isNew = (listener: RegionListener): boolean =>
    !heldListeners.some(
      ({ host, port }) =>
        port === listener.port && (host === listener.host || host === ANY_HOST || listener.host === ANY_HOST),
    );
  return { listen: nextConfig.listen.filter(isNew), tlsListen: (nextConfig.tls?.listen ?? []).filter(isNew) };
}

/**
 * Checks that a running region will be able to open its additional listeners.
 * @throws RackError as the start does
 */
export async function checkNewListeners(
  nextConfig: Pick<RegionConfig, 'listen' | 'tls'>,
  previousConfig: Pick<RegionConfig, 'listen' | 'tls'>,
): Promise<void> {
  const { listen, tlsListen } = findNewListeners(nextConfig, previousConfig);
  for (const { host, port } of listen) await checkPort(host, port, 'region.listen');
  for (const { host, port } of tlsListen) await checkPort(host, port, 'region.tls.listen');
}

/**
 * Opens the port and closes it again. An address that the host does not have yet is fine: the
 * region waits for it.
 */
function checkPort(host: string, port: number, setting: string): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const address = parseIpv4(host);
      if (address === undefined) {
        reject(cause);
        return;
      }
      const error = toSocketError(cause, { address, port, protocol: 'TCP', setting });
      if (error.code === 'address-not-here') resolve();
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
