// Where a region apart from its racks keeps its data: `region.store` in its file. Checked without
// the schemas of other values, for commands that need nothing else from the file.

import { z } from 'zod';
import { withoutUser } from '../ground/clean-text.ts';
import { RackError } from '../ground/errors.ts';
import { type Settings, valueAt } from '../machines/settings.ts';
import { formatProblems, readConfigFile, readConfigText } from './config-file.ts';
import { describeIssue, OWN_MESSAGES } from './fault-words.ts';
import { REGION_CONFIG } from './region-config-place.ts';
import { chooseStateDir } from './state-dir.ts';

const POOL_MAX = 100;
const POOL_DEFAULT = 10;
/** The options a URL may have. `host` may name the directory of a Unix-domain socket. */
const URL_OPTIONS: readonly string[] = ['host', 'port', 'user', 'sslmode'];
const EXAMPLE = 'postgresql://rackboot@db.example:5432/rackboot';

/** A database on a PostgreSQL server. */
export interface PostgresStoreConfig {
  readonly kind: 'postgresql';
  /** Without a password. */
  readonly url: string;
  /** The file whose first line is the password; `undefined` if none is sent. */
  readonly passwordFile: string | undefined;
  /**
   * PEM certificates that verify the database's certificate; `undefined` for the system's. A
   * database on this host needs no TLS.
   */
  readonly caFile: string | undefined;
  readonly pool: number;
}

/** A resolved `region.store`; `sqlite`: region.db in the state directory. */
export type RegionStoreConfig = { readonly kind: 'sqlite' } | PostgresStoreConfig;

/**
 * Why a text is not the URL of a database, with the remedy; `undefined` if it is one. Never quotes
 * the text, which may hold a password.
 */
function findUrlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !['postgresql:', 'postgres:'].includes(url.protocol))
    return `is not the URL of a PostgreSQL database: write it as ${EXAMPLE}`;
  if (url.password !== '' || url.searchParams.has('password'))
    return 'has a password, and URLs end up in logs and lists of processes: write it into a file, and name that in password_file';
  if (!isDecodable(text)) return 'has a % that does not encode a character: write % itself as %25';
  const unknown = [...url.searchParams.keys()].filter((name) => !URL_OPTIONS.includes(name));
  if (unknown.length > 0 || url.hash !== '')
    return `has other options than ${URL_OPTIONS.join(', ')}: remove them; set ca_file and pool as keys next to url`;
  // Of a repeated option, our driver uses the last, and other programs use the first.
  const repeatedOption = URL_OPTIONS.find((name) => url.searchParams.getAll(name).length > 1);
  if (repeatedOption !== undefined) return `has the option ${repeatedOption} more than once: keep one`;
  if (!['disable', 'verify-full', null].includes(url.searchParams.get('sslmode')))
    return 'has an sslmode other than disable (no TLS) and verify-full (the default)';
  if (isSocketUrl(text) && url.searchParams.get('sslmode') === 'verify-full')
    return 'has the sslmode verify-full, but PostgreSQL uses no TLS on a Unix-domain socket: remove the sslmode';
  if (url.hostname === '' && (url.searchParams.get('host') ?? '') === '')
    return `names no host: write it as ${EXAMPLE}`;
  if ([url.hostname, url.searchParams.get('host') ?? ''].some((host) => decodeURIComponent(host).includes(',')))
    return 'names several hosts: name only the primary, by a name or an address that moves to the standby when that takes over';
  return /^\/[^/]+$/.test(url.pathname) ? undefined : `names no database: write it as ${EXAMPLE}`;
}

/**
 * True if the driver connects to a Unix-domain socket, whose directory the URL names. The option
 * `host` overrides the URL's host.
 */
export function isSocketUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !isDecodable(text)) return false;
  return (url.searchParams.get('host') || decodeURIComponent(url.hostname)).startsWith('/');
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const absolutePath = z
  .string({ error: 'expected an absolute path' })
  .startsWith('/', { error: 'expected an absolute path' });

export const storeSchema = z.strictObject({
  kind: z
    .enum(['sqlite', 'postgresql'], {
      error: 'expected sqlite (region.db in state_dir) or postgresql (the database at url)',
    })
    .default('sqlite'),
  url: z
    .string({ error: `is not a text: write the URL of the database, ${EXAMPLE}` })
    .superRefine((text, context) => {
      const message = findUrlProblem(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .optional(),
  password_file: absolutePath.optional(),
  ca_file: absolutePath.optional(),
  pool: z
    .int({ error: `expected the most connections to the database, 1 to ${POOL_MAX}` })
    .min(1)
    .max(POOL_MAX)
    .optional(),
});

type WrittenStore = z.output<typeof storeSchema>;

/** Resolves `region.store`. @param report called with each contradiction, at a key below it */
export function resolveStore(written: WrittenStore, report: (key: string, message: string) => void): RegionStoreConfig {
  if (written.kind === 'sqlite') {
    for (const key of ['url', 'password_file', 'ca_file', 'pool'] as const)
      if (written[key] !== undefined)
        report(key, 'applies only to PostgreSQL: set region.store.kind to postgresql, or remove it');
    return { kind: 'sqlite' };
  }
  const { url, password_file: passwordFile, ca_file: caFile, pool = POOL_DEFAULT } = written;
  if (url === undefined) report('url', `missing: region.store.kind is postgresql; add the URL, such as ${EXAMPLE}`);
  if (caFile !== undefined && isSocketUrl(url ?? '') && !/[?&]sslmode=disable\b/.test(url ?? ''))
    report(
      'ca_file',
      'has no use: PostgreSQL uses no TLS on a Unix-domain socket, which region.store.url names; remove it',
    );
  return { kind: 'postgresql', url: url ?? '', passwordFile, caFile, pool };
}

/** A state directory and the store of its region. */
export interface StoreLocation {
  readonly stateDir: string;
  readonly store: RegionStoreConfig;
}

/**
 * Where the region's data is, from the configuration file of a rack or of a region; the rest of the
 * file may be invalid.
 * @throws RackError `config-unreadable`, `config-invalid`; `bad-argument` for a rack with a remote
 * region: a region.db there would be an old one
 */
export function loadStoreLocation(path: string): StoreLocation {
  const readResult = readConfigFile(readConfigText(path));
  if (!readResult.ok) throw new RackError('config-invalid', formatProblems(path, readResult.problems));
  const { values, findLine } = readResult.file;
  if (valueAt(values, 'region.mode') === 'remote') throw new RackError('bad-argument', describeElsewhere(values));
  const stateDir = chooseStateDir(values);
  const written = valueAt(values, 'region.store');
  if (written === undefined) return { stateDir, store: { kind: 'sqlite' } };
  const refuse = (key: string, message: string): RackError => {
    const problem = { path: key, line: findLine(key.split('.')), message };
    return new RackError('config-invalid', formatProblems(path, [problem]));
  };
  const store = parseStore(written, (problem, key) => refuse(key, problem));
  return { stateDir, store };
}

function describeElsewhere(values: Settings): string {
  const urls = [valueAt(values, 'region.url') ?? []].flat().filter((url) => typeof url === 'string');
  const location = urls.length === 0 ? 'elsewhere' : `at ${urls.map(withoutUser).join(', ')}`;
  return (
    `the region of this rack is ${location}: run the command on the region's host. If the region runs there without a rack, ` +
    `add --config ${REGION_CONFIG}`
  );
}

/**
 * Resolves a written `region.store`.
 * @param refuse makes the error for a problem at a key
 * @throws the error that `refuse` makes
 */
export function parseStore(written: unknown, refuse: (problem: string, key: string) => Error): RegionStoreConfig {
  const parsed = storeSchema.safeParse(written, OWN_MESSAGES);
  if (parsed.success) {
    return resolveStore(parsed.data, (key, problem) => {
      throw refuse(problem, `region.store.${key}`);
    });
  }
  const [issue] = parsed.error.issues;
  const key = ['region', 'store', ...(issue?.path ?? [])].map(String).join('.');
  throw refuse(issue === undefined ? 'is not usable' : describeIssue(issue), key);
}
