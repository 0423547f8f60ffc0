// Whether the region will be able to start, asked before the first machine is answered: its database opens, and its ports are free.
// A rack that would have to stop again must not have handed out an address before. It need not stop for a damaged database.

import { createServer } from 'node:net';
import { join } from 'node:path';
import type { RackConfig } from '../../config/rack-config.ts';
import { joinFailures, RackError } from '../../errors.ts';
import { readCertificatePair } from '../../files/certificate.ts';
import { formatIpv4, parseIpv4 } from '../../net/address.ts';
import { socketErrorFrom } from '../../net/socket-error.ts';
import type { RegionConfig } from '../../region/config.ts';
import { openDatabaseFile } from '../../store/database-file.ts';
import { REGION_DATABASE, REGION_FILE } from '../../store/region-schema.ts';

/**
 * @param doors of the rack, which are looked at where the region's own are taken
 * @returns what is wrong with the region's database, which is damaged; undefined: nothing
 * @throws RackError as the region itself would: `store-newer` and the like, `certificate-unusable`, `address-in-use`, `permission-denied`; with
 *   every port that is taken
 */
export async function checkRegion(
  config: Pick<RegionConfig, 'listen' | 'tls' | 'stateDir'>,
  doors: readonly Door[] = [],
): Promise<string | undefined> {
  const damage = findDamage(config.stateDir);
  if (config.tls !== undefined) readCertificatePair(config.tls);
  const failed = await findTaken([
    ...config.listen.map((place) => ({ ...place, setting: 'region.listen' })),
    ...(config.tls?.listen ?? []).map((place) => ({ ...place, setting: 'region.tls.listen' })),
  ]);
  // Where the start fails anyway, whoever frees one port is told of the others, too.
  const failures = failed.length === 0 ? [] : [...failed, ...(await findTaken(doors))];
  const failure = joinFailures(failures);
  if (failure !== undefined) throw failure;
  return damage;
}

function findDamage(stateDir: string): string | undefined {
  try {
    openDatabaseFile(join(stateDir, REGION_FILE), REGION_DATABASE).close();
    return undefined;
  } catch (error) {
    if (error instanceof RackError && error.code === 'store-broken') return error.message;
    throw error;
  }
}

/** A port that is listened on over TCP, and what names it. */
export interface Door {
  readonly host: string;
  readonly port: number;
  readonly setting: string;
}

/** The doors of the rack that TCP opens. */
export const doorsOf = ({ http, dns }: Pick<RackConfig, 'http' | 'dns'>): readonly Door[] => [
  ...http.listen.map(({ address, port }) => ({ host: formatIpv4(address), port, setting: 'boot.http.listen' })),
  ...dns.listen.map((address) => ({ host: formatIpv4(address), port: dns.listenPort, setting: 'dns.listen' })),
];

/** What the system says of those that cannot be opened. */
async function findTaken(places: readonly Door[]): Promise<readonly RackError[]> {
  const found: RackError[] = [];
  for (const { host, port, setting } of places) {
    try {
      await checkPort(host, port, setting);
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      found.push(error);
    }
  }
  return found;
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
