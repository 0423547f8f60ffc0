// The region's resolved configuration. Plain data, because it is posted to the region's thread.

import type { CertificateFiles } from '../files/certificate.ts';
import type { Ipv4Network } from '../ground/address.ts';
import type { Settings } from '../machines/settings.ts';
import type { NameSource } from './identity/hostname.ts';
import type { InstallConfig } from './preseed/request.ts';

/** The configuration file of a rack whose commands need no `--config`. */
export const RACK_CONFIG = '/etc/rackboot/rackboot.yaml';

/** The configuration file of the region's process. */
export interface OwnFile {
  /** Its path, for messages. */
  readonly file: string;
  /** Its values as written, in the form of a rack's file; they override the store's. */
  readonly values: Settings;
}

/** The rack in the region's own process, and its configuration file. */
export interface OwnRack extends OwnFile {
  readonly uuid: string;
  readonly name: string;
}

/** TLS listeners, and the files of their certificate. */
export interface RegionTls extends CertificateFiles {
  readonly listen: readonly { readonly host: string; readonly port: number }[];
}

/**
 * A socket below the state directory, by which the control socket of this process reaches the
 * region, also while clients occupy all connections of the listeners. Only the daemon's user and
 * root may open it.
 */
export const OPERATOR_SOCKET = 'region.sock';

/**
 * A socket below the state directory, through which this process's boot listener passes machines'
 * requests on. Only the daemon's user and root may open it, so nobody else receives boot tokens and
 * the rack's secret.
 */
export const RACK_SOCKET = 'rack.sock';

export interface RegionConfig {
  /** `address:port` pairs of the API and page. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** Additional TLS listeners; undefined: none. */
  readonly tls?: RegionTls | undefined;
  /**
   * Load balancers of the site, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed;
   * default: none.
   */
  readonly proxies?: readonly Ipv4Network[] | undefined;
  /** Directory of `region.db`. */
  readonly stateDir: string;
  /** The base URL for people, `http://rack:5240/MAAS`; `undefined`: taken from the request. */
  readonly publicUrl?: string | undefined;
  /**
   * The networks from which anonymous machines may enlist: those of all configured cluster
   * interfaces, whatever their `management`, for machines may boot here through another DHCP
   * server.
   */
  readonly managedNetworks: readonly Ipv4Network[];
  /** The default forward domain of new machines. */
  readonly domain: string;
  /** The maximum number of machines in New at a time. */
  readonly newMachinesMax: number;
  /** The boot tree, which holds the image store; `undefined` if this host has none. */
  readonly imageTree?: string | undefined;
  /**
   * The tree into which a region without a rack imports images, which are not deployable from
   * there; `undefined`: `imageTree`.
   */
  readonly imageStore?: string | undefined;
  /** Seconds between two imports of the selected images; 0: only on demand; `undefined`: as 0. */
  readonly importEverySeconds?: number | undefined;
  /** The rate of all downloads of an import together, in bytes per second; `undefined`: no limit. */
  readonly importBytesPerSecondMax?: number | undefined;
  /** How many of the newest imported images of a name stay, 1 to 100; `undefined`: 2. */
  readonly importKeptVersions?: number | undefined;
  /** `undefined`: the shipped templates and the distributions' own mirrors. */
  readonly install?: InstallConfig | undefined;
  /** How many times hung work is restarted automatically; `undefined`: once. */
  readonly retries?: number | undefined;
  /** The source of an enlisting machine's hostname; `undefined`: two random words. */
  readonly nameFrom?: NameSource | undefined;
  /**
   * A rack's boot listener forwards machines' requests with their address in `X-Forwarded-For` and
   * this secret in `X-Rackboot-Rack`; without it the region ignores the address. Generated at each
   * start, never stored.
   */
  readonly rackSecret: string;
  /**
   * This process's control socket sends it in `X-Rackboot-Control`: the caller is an administrator
   * of this host. It counts at `OPERATOR_SOCKET` only. Generated at each start, never stored.
   */
  readonly controlSecret?: string | undefined;
  /**
   * Memory for the API's response counters, from `regionCounterMemory`; `undefined` if nothing
   * reads them.
   */
  readonly counterMemory?: SharedArrayBuffer | undefined;
  /** `undefined` if the region's process has no rack. */
  readonly ownRack?: OwnRack | undefined;
  /** The file of a region's process without a rack; `undefined` if it has a rack, or no file. */
  readonly ownFile?: OwnFile | undefined;
}

/** The file that a command for the region must name with `--config`; `undefined` for the default one. */
export function namedFile({ ownRack, ownFile }: Pick<RegionConfig, 'ownRack' | 'ownFile'>): string | undefined {
  const file = ownRack?.file ?? ownFile?.file;
  return file === RACK_CONFIG ? undefined : file;
}
