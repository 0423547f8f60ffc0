// Resolves where a rack's region is: in this process or at a URL.

import { join } from 'node:path';
import type { Ipv4 } from '../ground/address.ts';
import { formatIpv4, LOOPBACK } from '../ground/address.ts';
import { RACK_SOCKET, type RegionTls } from '../region/config.ts';
import { parseRegionUrl, type RegionUrl } from './region-url.ts';
import type { WrittenConfig } from './written.ts';

export const REGION_PORT = 5240;
const REGION_TLS_PORT = 5443;
const HTTPS_PORT = 443;
const HTTP_PORT = 80;
const KEY_FILE = 'region.key';

/** How the rack reaches its region. */
export type UplinkConfig =
  | { readonly mode: 'embedded' }
  | {
      readonly mode: 'remote';
      /** The region's URLs, in the order of the first attempts; each ends in `/MAAS`. */
      readonly urls: readonly string[];
      /** The file of the rack's key; it may not exist yet. */
      readonly keyFile: string;
      /** PEM certificates that verify the region's certificate; `undefined` for the system's. */
      readonly caFile: string | undefined;
    };

/** Where machines' requests are forwarded: over `socketPath` if there is one. */
interface RegionEndpoint {
  readonly host: string;
  readonly port: number;
  readonly secure?: boolean | undefined;
  readonly socketPath?: string | undefined;
}

interface ResolvedRegion {
  readonly uplink: UplinkConfig;
  /** Where an embedded region listens; empty for a remote one. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** Where the region listens over TLS; `undefined` if nowhere. */
  readonly tls: RegionTls | undefined;
  /** Where machines' requests are forwarded; `undefined` if the configuration is unusable. */
  readonly endpoint: RegionEndpoint | undefined;
}

interface Listener {
  readonly address: Ipv4;
  readonly port: number;
}

/** Where to send requests for a region at this URL. */
export const toRegionEndpoint = ({ host, port, secure }: RegionUrl): RegionEndpoint => ({
  host,
  secure,
  port: port ?? (secure ? HTTPS_PORT : HTTP_PORT),
});

/**
 * Resolves `region`.
 * @param ownAddresses the rack's addresses
 * @param report called with each contradiction, at a key below `region`
 */
export function resolveRegion(
  written: WrittenConfig,
  ownAddresses: readonly Ipv4[],
  report: (key: string, message: string) => void,
): ResolvedRegion {
  const { region } = written;
  if (region.mode === 'remote') return resolveRemote(written, report);
  for (const key of ['url', 'api_key_file', 'ca_file'] as const)
    if (region[key] !== undefined)
      report(key, 'applies only to a remote region: set region.mode to remote, or remove it');
  const listeners = resolveListeners(region, [LOOPBACK, ...ownAddresses], report);
  const [firstListener] = listeners.listen;
  const socketPath = join(written.state_dir, RACK_SOCKET);
  return { uplink: { mode: 'embedded' }, ...listeners, endpoint: firstListener && { ...firstListener, socketPath } };
}

/**
 * Resolves `region.listen` and `region.tls`. By default, TLS listens at the same addresses as
 * without TLS, at REGION_TLS_PORT.
 * @param ownAddresses the default addresses
 */
export function resolveListeners(
  { listen, tls }: Pick<WrittenConfig['region'], 'listen' | 'tls'>,
  ownAddresses: readonly Ipv4[],
  report: (key: string, message: string) => void,
): Pick<ResolvedRegion, 'listen' | 'tls'> {
  const plainListeners = listen ?? makeListeners(ownAddresses, REGION_PORT);
  if (plainListeners.length === 0) report('listen', 'is empty: the region needs an address, such as 127.0.0.1:5240');
  const addresses = plainListeners.map(({ address }) => address);
  const secureListeners = tls?.listen ?? makeListeners(addresses, REGION_TLS_PORT);
  if (tls !== undefined) checkSecureListeners('region', secureListeners, plainListeners, report);
  return { listen: plainListeners.map(toHost), tls: tls && { ...tls, listen: secureListeners.map(toHost) } };
}

/** Makes a listener at each of these addresses. */
export const makeListeners = (addresses: readonly Ipv4[], port: number): readonly Listener[] =>
  [...new Set(addresses)].map((address) => ({ address, port }));

const toHost = ({ address, port }: Listener) => ({ host: formatIpv4(address), port });

/** Reports each listener with TLS that is also a listener without TLS. */
export function checkSecureListeners(
  section: string,
  secureListeners: readonly Listener[],
  plainListeners: readonly Listener[],
  report: (key: string, message: string) => void,
): void {
  for (const { address, port } of secureListeners) {
    if (!plainListeners.some((listener) => listener.address === address && listener.port === port)) continue;
    const location = `${formatIpv4(address)}:${port}`;
    report('tls', `listens at ${location}, as ${section}.listen does: give one of them another port`);
  }
}

function resolveRemote(written: WrittenConfig, report: (key: string, message: string) => void): ResolvedRegion {
  const { region, state_dir: stateDir } = written;
  if (region.listen !== undefined)
    report(
      'listen',
      'belongs where the region runs, not on a rack with a remote region: remove it, or set region.mode to embedded',
    );
  if (region.proxies.length > 0) report('proxies', 'belongs where the region runs: remove it');
  if (region.tls !== undefined)
    report(
      'tls',
      'belongs where the region runs; a rack with a remote region verifies it with region.ca_file: remove it',
    );
  const keyFile = region.api_key_file ?? join(stateDir, KEY_FILE);
  const urls = [region.url ?? []].flat().flatMap((text) => parseRegionUrl(text) ?? []);
  const [firstUrl] = urls;
  if (firstUrl === undefined) {
    report('url', "missing: region.mode is remote; add the region's URL, such as http://region:5240/MAAS");
    return {
      uplink: { mode: 'remote', urls: [], keyFile, caFile: region.ca_file },
      listen: [],
      tls: undefined,
      endpoint: undefined,
    };
  }
  if (region.ca_file !== undefined && urls.every(({ secure }) => !secure))
    report('ca_file', 'verifies certificates, but region.url is not https');
  return {
    uplink: { mode: 'remote', urls: urls.map(({ text }) => text), keyFile, caFile: region.ca_file },
    listen: [],
    tls: undefined,
    endpoint: toRegionEndpoint(firstUrl),
  };
}
