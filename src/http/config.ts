// The resolved settings of the boot HTTP listener.

import type { CertificateFiles } from '../files/certificate.ts';
import type { Ipv4 } from '../ground/address.ts';

export interface HttpConfig {
  /**
   * The addresses of the boot listener; empty turns it off. An optional one is left to another
   * program that has it already.
   */
  readonly listen: readonly {
    readonly address: Ipv4;
    readonly port: number;
    readonly optional?: boolean | undefined;
    /** Over TLS, with the certificate of `tls`. */
    readonly secure?: boolean | undefined;
  }[];
  /** `undefined`: no listener is secure. */
  readonly tls?: CertificateFiles | undefined;
  /** The region to which `/MAAS/` is passed on; `undefined` if it is answered with 503. */
  readonly region?: { readonly host: string; readonly port: number; readonly secure?: boolean | undefined } | undefined;
}

/** The setting that names a boot listener. */
export const formatListenSetting = (secure = false): string => (secure ? 'boot.http.tls.listen' : 'boot.http.listen');

/** The control socket's file name in the state directory. */
export const CONTROL_SOCKET = 'rackboot.sock';
/** How the control socket begins to refuse a request for a region that is not in its process. */
export const ELSEWHERE_START = 'the region of this rack is at ';
