// Fetches Debian packages with the host's apt: its mirrors, proxies and keys. It installs nothing
// and needs no root.
//
// Sources: apt-get(8), apt-cache(8), apt.conf(5), sources.list(5).
//
// 1. If the host's lists cover an architecture and release, they are used. Otherwise private lists
//    are kept in our own directory; the host's lists, caches and dpkg stay untouched.
// 2. The cache of the lists is our own: the host's may be absent or read-only (in containers) or
//    out of date, and only root may write it. Without a cache, each query takes more than a second.
// 3. apt verifies the index's signature and each package's hash.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import type { BuildReports } from './build-reports.ts';
import { type DebianPackage, openPackage } from './debian-package.ts';
import { type ProgramOptions, runProgram } from './program.ts';

interface AptQuery extends BuildReports {
  readonly architecture: string;
  readonly release: string;
  /** Holds packages and lists. If it is kept, packages are not fetched again. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

interface Repository {
  readonly uri: string;
  readonly codename: string;
  readonly component: string;
  readonly architecture: string;
}

/** Bound on library packages. All packed programs together need less than a third of it. */
const LIBRARY_PACKAGES_MAX = 200;
/** Library packages are named `lib…`, except zlib1g. */
const LIBRARY_NAME = /^z?lib/;

const APT = 'apt';
/** Every failure here comes from apt's lists, its mirrors or the network. */
const REMEDY =
  'check that apt-get update works as root on this host and that its mirrors have the release, or name the packages with --package';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Fetches packages of one architecture and release. */
export class Apt {
  readonly #query: AptQuery;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #options: readonly string[];

  private constructor(query: AptQuery, environment: Readonly<Record<string, string>>, options: readonly string[]) {
    this.#query = query;
    this.#environment = environment;
    this.#options = options;
  }

  /** Makes private lists if the host's do not cover the query. */
  static async open(query: AptQuery): Promise<Apt> {
    await mkdir(query.directory, { recursive: true });
    const repositories = await listRepositories();
    const isForRelease = ({ codename }: Repository): boolean =>
      codename === query.release || codename.startsWith(`${query.release}-`);
    if (repositories.some((repository) => repository.architecture === query.architecture && isForRelease(repository))) {
      const caches = ['pkgcache', 'srcpkgcache'].map(
        (name) => `Dir::Cache::${name}=${join(query.directory, `${name}.bin`)}`,
      );
      const settings = [`APT::Default-Release=/^${query.release}/`, ...caches];
      const options = settings.flatMap((setting) => ['-o', setting]);
      return new Apt(query, {}, options);
    }
    if (repositories.length === 0) {
      const remedy = 'run apt-get update as root on a Debian host, or name the packages with --package';
      throw new RackError('tool-failed', `apt knows no Debian mirror, or its lists are empty: ${remedy}`);
    }
    const configuration = await writePrivateConfiguration(query, repositories);
    query.onProgress(`Reading the package lists of ${query.release} for ${query.architecture}`);
    const environment = { APT_CONFIG: configuration };
    const options = ['-o', `APT::Architecture=${query.architecture}`];
    const task = `reading the package lists of ${query.release} for ${query.architecture}`;
    const settings = { environment, signal: query.signal, package: APT, task, remedy: REMEDY };
    await runProgram('apt-get', [...options, '-q', 'update', '--error-on=any'], settings);
    return new Apt(query, environment, options);
  }

  /** Lists the packages on which the newest versions depend. Of alternatives, the first counts. */
  async listDependencies(...names: readonly string[]): Promise<string[]> {
    const text = await this.#run(`looking up ${names.join(', ')}`, 'apt-cache', [
      'show',
      '--no-all-versions',
      ...names,
    ]);
    const dependencies = [...text.matchAll(/^(?:Pre-)?Depends: (.*)$/gm)].flatMap(([, line = '']) => line.split(','));
    return dependencies.flatMap((part) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(part)?.[1] ?? []);
  }

  /** Lists the packages of all libraries that these packages need, directly or indirectly. */
  async listLibraries(...packages: readonly string[]): Promise<string[]> {
    const libraries = new Set<string>();
    let names: readonly string[] = packages;
    while (names.length > 0 && libraries.size < LIBRARY_PACKAGES_MAX) {
      const newLibraries = (await this.listDependencies(...names)).filter(
        (library) => LIBRARY_NAME.test(library) && !libraries.has(library),
      );
      names = [...new Set(newLibraries)];
      for (const library of names) libraries.add(library);
    }
    return [...libraries];
  }

  async download(names: readonly string[]): Promise<DebianPackage[]> {
    const stanzas = await this.#run(`looking up ${names.join(', ')}`, 'apt-cache', [
      'show',
      '--no-all-versions',
      ...names,
    ]);
    const files = stanzas.split(/\n\n+/).flatMap((stanza) => {
      const [name, version, architecture] = ['Package', 'Version', 'Architecture'].map((field) => {
        return new RegExp(`^${field}: (\\S+)$`, 'm').exec(stanza)?.[1];
      });
      if (name === undefined || version === undefined) return [];
      // apt's name for the file escapes the colon of an epoch.
      return [join(this.#query.directory, `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`)];
    });
    const bytes = [...stanzas.matchAll(/^Size: (\d+)$/gm)].reduce((sum, [, size]) => sum + Number(size), 0);
    this.#query.onProgress(`Fetching ${counted(files.length, 'package')}, ${(bytes / 1_000_000).toFixed(1)} MB`);
    let number = 0;
    const onStdoutLine = (line: string): void => {
      if (!line.startsWith('Get:')) return;
      number += 1;
      this.#query.onPart?.({ text: line, number, total: files.length });
    };
    await this.#run(`fetching ${names.join(', ')}`, 'apt-get', ['-q', 'download', ...names], {
      onStdoutLine: onStdoutLine,
    });
    return Promise.all(files.map(openPackage));
  }

  async #run(
    task: string,
    program: string,
    args: readonly string[],
    outputOptions: Pick<ProgramOptions, 'onStdoutLine'> = {},
  ): Promise<string> {
    const { directory, signal } = this.#query;
    const settings = {
      directory,
      signal,
      environment: this.#environment,
      package: APT,
      task,
      remedy: REMEDY,
      ...outputOptions,
    };
    return (await runProgram(program, [...this.#options, ...args], settings)).toString('utf8');
  }
}

async function listRepositories(): Promise<Repository[]> {
  const format = '$(REPO_URI)|$(CODENAME)|$(COMPONENT)|$(ARCHITECTURE)';
  const args = ['indextargets', '--format', format, 'Created-By: Packages', 'Origin: Debian'];
  const text = (await runProgram('apt-get', args, { package: APT })).toString('utf8');
  return text.split('\n').flatMap((line) => {
    const [uri = '', codename = '', component = '', architecture = ''] = line.split('|');
    return architecture === '' ? [] : [{ uri, codename, component, architecture }];
  });
}

/**
 * Formats lines of sources.list for a release, from the mirrors that the host uses.
 * @throws RackError `tool-missing`; `tool-failed` if apt-get fails or the host has no lists of a
 * Debian mirror
 */
export async function listMirrors(release: string): Promise<string[]> {
  const lines = formatSourceLines(await listRepositories(), release);
  if (lines.length > 0) return lines;
  const remedy = 'run apt-get update as root on a Debian host, or name one with --mirror';
  throw new RackError('tool-failed', `apt knows no Debian mirror, or its lists are empty: ${remedy}`);
}

function formatSourceLines(repositories: readonly Repository[], release: string): string[] {
  const lines = repositories
    .filter(({ component }) => component === 'main')
    .map(({ uri, codename }) => {
      const suite = `${release}${/-.*$/.exec(codename)?.[0] ?? ''}`;
      return `deb [signed-by=${KEYRING}] ${uri} ${suite} main`;
    });
  return [...new Set(lines)];
}

/** @returns the configuration file of private lists */
async function writePrivateConfiguration(query: AptQuery, repositories: readonly Repository[]): Promise<string> {
  const root = join(query.directory, `apt-${query.release}-${query.architecture}`);
  for (const directory of ['lists/partial', 'cache/archives/partial', 'parts']) {
    await mkdir(join(root, directory), { recursive: true });
  }
  const lines = formatSourceLines(repositories, query.release).map((line) => `${line}\n`);
  await writeFile(join(root, 'sources.list'), lines.join(''));
  await writeFile(join(root, 'status'), '');
  const acquireSettings = (await runProgram('apt-config', ['dump', 'Acquire'], { package: APT })).toString('utf8');
  const acquireLines = acquireSettings.split('\n').filter((line) => !line.startsWith('Acquire::IndexTargets'));
  const privateSettings = {
    'Dir::State': root,
    'Dir::State::Lists': join(root, 'lists'),
    'Dir::State::status': join(root, 'status'),
    'Dir::Cache': join(root, 'cache'),
    'Dir::Etc::SourceList': join(root, 'sources.list'),
    'Dir::Etc::SourceParts': join(root, 'parts'),
    'Dir::Etc::Parts': join(root, 'parts'),
    'Dir::Etc::Preferences': join(root, 'no-preferences'),
    'Dir::Etc::PreferencesParts': join(root, 'parts'),
    'APT::Architecture': query.architecture,
    'APT::Architectures::': query.architecture,
    'Acquire::Languages': 'none',
  };
  const text = [...acquireLines, ...Object.entries(privateSettings).map(([key, value]) => `${key} "${value}";`)].join(
    '\n',
  );
  const file = join(root, 'apt.conf');
  await writeFile(file, `${text}\n`);
  return file;
}
