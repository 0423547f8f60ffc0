// The region's settings as used, after the configuration file was resolved. Plain data: it is handed to the region's thread.

import type { CertificateFiles } from '../files/certificate.ts';
import type { Settings } from '../machines/settings.ts';
import type { Ipv4Network } from '../net/address.ts';
import type { NameSource } from './identity/hostname.ts';
import type { PreseedConfig } from './preseed/request.ts';

/** The rack of the region's own process, and what its configuration file writes. */
export interface OwnRack {
  readonly uuid: string;
  readonly name: string;
  /** The configuration file's path, for people. */
  readonly file: string;
  /** Its values as written: they win over the store's. */
  readonly values: Settings;
}

/** Listeners over TLS, and the files of their certificate. */
export interface RegionTls extends CertificateFiles {
  readonly listen: readonly { readonly host: string; readonly port: number }[];
}

/** What machines that install are told. */
export interface InstallConfig {
  readonly preseeds: PreseedConfig;
  /** The proxy, a URL; empty: none; undefined: the rack's own port 8000, when something answers there. */
  readonly httpProxy?: string | undefined;
  /** Kernel arguments of machines that have none of their own. */
  readonly kernelParams: string;
}

/**
 * The socket below the state directory over which the control socket of this process asks the region: a door of its own, so that nobody
 * who holds connections of the listeners stands in the operator's way. Only the daemon's user and root may open it.
 */
export const OPERATOR_SOCKET = 'region.sock';

export interface RegionConfig {
  /** `address:port` pairs of the API and page. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** The same over TLS, beside it; undefined: none. */
  readonly tls?: RegionTls | undefined;
  /** Directory of `region.db`. */
  readonly stateDir: string;
  /** Base URL that people use, `http://rack:5240/MAAS`; undefined: from the request. */
  readonly publicUrl?: string | undefined;
  /**
   * Where anonymous machines may enlist from: the network of every configured cluster interface. Its management says who gives
   * DHCP and DNS there, not whose machines these are: with 0 they boot from this rack by somebody else's DHCP.
   */
  readonly managedNetworks: readonly Ipv4Network[];
  /** The default forward domain of new machines. */
  readonly domain: string;
  /** At most this many machines may be New at a time. */
  readonly newMachinesMax: number;
  /** The boot tree, with its store of images; undefined: there is none here. */
  readonly imageTree?: string | undefined;
  /** Undefined: the shipped templates and the distributions' own mirrors. */
  readonly install?: InstallConfig | undefined;
  /** How often a machine that hung is started again by itself; undefined: once. */
  readonly retries?: number | undefined;
  /** What machines that enlist are named after; undefined: two words. */
  readonly nameFrom?: NameSource | undefined;
  /**
   * The boot listener of a rack passes requests of machines on, with the machine's address in `X-Forwarded-For` and this secret
   * in `X-Rackboot-Rack`; without the secret the header is ignored. Drawn at each start, never stored.
   */
  readonly rackSecret: string;
  /** Where it counts what its API answers, of `regionCounterMemory`; undefined: nobody reads it. */
  readonly counterMemory?: SharedArrayBuffer | undefined;
  /** Undefined: the region has no rack in its process. */
  readonly ownRack?: OwnRack | undefined;
}
