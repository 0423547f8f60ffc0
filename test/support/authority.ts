// A certificate authority for tests, created by openssl: its own certificate, and those that it signs.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface IssuedFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** The certificate that clients trust. */
  readonly caFile: string;
  /** Signs a certificate, valid from `fromDays` to `untilDays` from now. */
  issue(name: string, fromDays?: number, untilDays?: number): IssuedFiles;
}

/** The time `days` from now by this host's wall clock, as `20261120120000Z`. */
function moment(nowMs: number, days: number): string {
  return `${new Date(nowMs + days * 86_400_000).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}

/** Of all its certificates. */
interface AuthorityTerms {
  /** Arguments of openssl for new keys. Default: P-256, which is fast. */
  readonly newKey?: readonly string[];
  /** The names that each certificate has. Default: those of loopback. */
  readonly names?: string;
}

/** For EDK2, which in 2022 loads nothing with a key on P-256. */
export const RSA_KEY = ['-newkey', 'rsa:2048', '-nodes'] as const;

/** Creates an authority with its files in `directory`. */
export function makeAuthority(directory: string, nowMs: number, terms: AuthorityTerms = {}): Authority {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const at = (name: string): string => join(directory, name);
  const { newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] } = terms;
  const { names = 'IP:127.0.0.1, DNS:localhost' } = terms;
  openssl('req', '-x509', ...newKey, '-subj', '/CN=An authority', '-days', '30', '-keyout', 'ca.key', '-out', 'ca.pem');
  writeFileSync(at('serial'), '01');
  writeFileSync(at('index'), '');
  writeFileSync(
    at('ca.conf'),
    [
      '[ca]\ndefault_ca = own\n[own]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ncertificate = ca.pem\nprivate_key = ca.key',
      'default_md = sha256\npolicy = any\nx509_extensions = server\nunique_subject = no\n[any]\ncommonName = supplied',
      `[server]\nsubjectAltName = ${names}\n`,
    ].join('\n'),
  );
  return {
    caFile: at('ca.pem'),
    issue(name, fromDays = -1, untilDays = 30) {
      openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
      const dates = ['-startdate', moment(nowMs, fromDays), '-enddate', moment(nowMs, untilDays)];
      openssl('ca', '-batch', '-notext', '-config', 'ca.conf', ...dates, '-in', `${name}.csr`, '-out', `${name}.pem`);
      return { cert: at(`${name}.pem`), key: at(`${name}.key`) };
    },
  };
}
