// The boot HTTP listener's settings as used, after the configuration file was resolved.

import type { Ipv4 } from '../net/address.ts';

export interface HttpConfig {
  /** Where the boot listener answers; empty: nowhere. */
  readonly listen: readonly { readonly address: Ipv4; readonly port: number }[];
  /** Where `/MAAS/` is passed on to; undefined: it is answered with 503. */
  readonly region?: { readonly host: string; readonly port: number; readonly secure?: boolean | undefined } | undefined;
}

/** The control socket's name below the state directory. */
export const CONTROL_SOCKET = 'rackboot.sock';
