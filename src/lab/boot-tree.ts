// A boot tree with the real environment and loaders, built once and cached until the sources that
// build it change.

import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cachePlace } from '../../bin/cache-place.js';
import type { Cpu } from '../boot/architectures.ts';
import { repeat, systemClock, type Timer } from '../ground/clock.ts';
import { buildEnvironment } from '../images/build/environment.ts';
import { importInstaller } from '../images/build/installer.ts';
import { installLoaders } from '../images/build/loaders.ts';
import { replacesAll } from '../images/store/directory-publication.ts';

/** The contents of a tree: the loaders of architectures, and their environments or Debian's installers. */
export type TreeContent = Cpu | 'amd64+i386' | 'amd64-installer' | 'arm64-installer' | 'amd64+i386-installer';

/** Debian 12 has no riscv64. */
const releaseFor = (arch: string): string => (arch === 'riscv64' ? 'trixie' : 'bookworm');

/** The directory that keeps the trees. */
export const BOOT_TREES = join(cachePlace(), 'rackboot-lab');

/** True if the tree is already built. */
export const hasBootTree = (content: TreeContent = 'amd64'): boolean =>
  existsSync(join(BOOT_TREES, `boot-${content}-${sourcesHash()}`));

/**
 * Returns a tree with an environment or installer and the loaders of an architecture; builds it if
 * missing. A build that fails leaves nothing behind.
 */
export async function cachedBootTree(
  onProgress: (text: string) => void,
  content: TreeContent = 'amd64',
): Promise<string> {
  const tree = join(BOOT_TREES, `boot-${content}-${sourcesHash()}`);
  if (existsSync(tree)) return tree;
  mkdirSync(BOOT_TREES, { recursive: true });
  const part = `${tree}.part-${process.pid}`;
  const workDir = `${part}-work`;
  const clean = (): void => {
    for (const directory of [part, workDir]) rmSync(directory, { recursive: true, force: true });
  };
  clean();
  process.once('exit', clean);
  mkdirSync(part);
  const [architectures = '', installer] = content.split('-');
  const progress = new BuildProgress(workDir, onProgress);
  progress.tell('Looking up the packages');
  try {
    for (const arch of architectures.split('+')) {
      const onProgress = (text: string): void => progress.tell(text);
      const request = { tree: part, arch, release: releaseFor(arch), workDir: join(workDir, arch), onProgress };
      const own = { ...request, mayReplace: replacesAll };
      await (installer === undefined ? buildEnvironment(own) : importInstaller(own));
      await installLoaders(request);
    }
  } catch (error) {
    clean();
    throw error;
  } finally {
    progress.end();
    process.off('exit', clean);
  }
  rmSync(workDir, { recursive: true, force: true });
  try {
    renameSync(part, tree);
  } catch (error) {
    // Another process has built the same tree meanwhile.
    if (!existsSync(tree)) throw error;
    rmSync(part, { recursive: true, force: true });
  }
  return tree;
}

/** Files of these folders that no tree depends on: those for disk images and systems. */
const APART =
  /^(?:build\/(?:boot-disk|debian(?:-image|-root|\/))|content\/(?:disk-image|image-)|store\/(?:image-|stored-system|system-tree))/;

/** Identifies the version of the sources that build a tree. */
function sourcesHash(): string {
  const images = join(import.meta.dirname, '..', 'images');
  const hash = createHash('sha256');
  for (const file of globSync('{build,content,store}/**/*', { cwd: images }).sort()) {
    if (APART.test(file) || !statSync(join(images, file)).isFile()) continue;
    hash.update(`${file}\0`).update(readFileSync(join(images, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

const REPORT_EVERY_MS = 3000;
const MEGABYTE = 1_000_000;
/** The steps in order; each is recognised by the first word of the builder's report. */
const STEPS = [
  [/^Looking/, 'looking up the packages'],
  [/^Fetching/, 'fetching the packages of the environment'],
  [/^Unpacking/, 'unpacking the packages'],
  [/^Packing/, 'packing the environment'],
  [/^Fetching/, 'fetching the loaders'],
] as const;

/**
 * Reports the progress of a build: the step, the number of steps, and the megabytes fetched. Unlike
 * `rackboot images build`, it names no packages.
 */
class BuildProgress {
  readonly #directory: string;
  readonly #say: (text: string) => void;
  #step = -1;
  #totalBytes = 0;
  #beforeBytes = 0;
  #timer: Timer | undefined;

  /** @param directory into which the packages are downloaded @param say called with each line */
  constructor(directory: string, say: (text: string) => void) {
    this.#directory = directory;
    this.#say = say;
  }

  /** Handles a progress line of a builder; the first step starts with "Looking". */
  tell(text: string): void {
    const next = STEPS.findIndex(([begins], index) => index > this.#step && begins.test(text));
    if (next === -1) return;
    this.end();
    this.#step = next;
    const total = /, ([\d.]+) MB$/.exec(text)?.[1];
    this.#totalBytes = total === undefined ? 0 : Number(total) * MEGABYTE;
    this.#beforeBytes = this.#arrived();
    const more = total === undefined ? '' : `, ${total} MB`;
    this.#say(`Step ${next + 1} of ${STEPS.length}: ${STEPS[next]?.[1]}${more}`);
    if (this.#totalBytes > 0) this.#report();
  }

  /** Ends the reports. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #report(): void {
    this.#timer = repeat(systemClock, REPORT_EVERY_MS, () => {
      const bytes = Math.min(this.#totalBytes, this.#arrived() - this.#beforeBytes);
      if (bytes > 0)
        this.#say(
          `Step ${this.#step + 1} of ${STEPS.length}: ${megabytes(bytes)} of ${megabytes(this.#totalBytes)} MB`,
        );
    });
  }

  /** The bytes of all packages downloaded so far, complete or not. */
  #arrived(): number {
    const sizeOf = (name: string): number =>
      statSync(join(this.#directory, name), { throwIfNoEntry: false })?.size ?? 0;
    return globSync('**/*.deb', { cwd: this.#directory }).reduce((sum, name) => sum + sizeOf(name), 0);
  }
}

const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(bytes < MEGABYTE * 10 ? 1 : 0);
