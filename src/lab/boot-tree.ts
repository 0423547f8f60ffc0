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
import { allowReplacement } from '../images/store/directory-publication.ts';

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
  const partialTree = `${tree}.part-${process.pid}`;
  const workDir = `${partialTree}-work`;
  const removePartialTree = (): void => {
    for (const directory of [partialTree, workDir]) rmSync(directory, { recursive: true, force: true });
  };
  removePartialTree();
  process.once('exit', removePartialTree);
  mkdirSync(partialTree);
  const [architectures = '', installer] = content.split('-');
  const progress = new BuildProgress(workDir, onProgress);
  progress.handleLine('Looking up the packages');
  try {
    for (const arch of architectures.split('+')) {
      const onProgress = (text: string): void => progress.handleLine(text);
      const request = { tree: partialTree, arch, release: releaseFor(arch), workDir: join(workDir, arch), onProgress };
      const buildRequest = { ...request, mayReplace: allowReplacement };
      await (installer === undefined ? buildEnvironment(buildRequest) : importInstaller(buildRequest));
      await installLoaders(request);
    }
  } catch (error) {
    removePartialTree();
    throw error;
  } finally {
    progress.end();
    process.off('exit', removePartialTree);
  }
  rmSync(workDir, { recursive: true, force: true });
  try {
    renameSync(partialTree, tree);
  } catch (error) {
    // Another process has built the same tree meanwhile.
    if (!existsSync(tree)) throw error;
    rmSync(partialTree, { recursive: true, force: true });
  }
  return tree;
}

/** The files on which no boot tree depends, because they are for disk images and systems. */
const UNRELATED_FILES =
  /^(?:build\/(?:boot-disk|debian(?:-image|-root|\/))|content\/(?:disk-image|image-)|store\/(?:image-|stored-system|system-tree))/;

/** Identifies the version of the sources that build a tree. */
function sourcesHash(): string {
  const images = join(import.meta.dirname, '..', 'images');
  const hash = createHash('sha256');
  for (const file of globSync('{build,content,store}/**/*', { cwd: images }).sort()) {
    if (UNRELATED_FILES.test(file) || !statSync(join(images, file)).isFile()) continue;
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
 * Reports the progress of a build: the step, the number of steps, and the fetched megabytes. Unlike
 * `rackboot images build`, it names no packages.
 */
class BuildProgress {
  readonly #directory: string;
  readonly #print: (text: string) => void;
  #step = -1;
  #totalBytes = 0;
  #bytesBeforeStep = 0;
  #timer: Timer | undefined;

  /** @param directory into which the packages are downloaded @param print called with each line */
  constructor(directory: string, print: (text: string) => void) {
    this.#directory = directory;
    this.#print = print;
  }

  /** Handles a progress line of a builder; the first step starts with "Looking". */
  handleLine(text: string): void {
    const nextStep = STEPS.findIndex(([pattern], index) => index > this.#step && pattern.test(text));
    if (nextStep === -1) return;
    this.end();
    this.#step = nextStep;
    const total = /, ([\d.]+) MB$/.exec(text)?.[1];
    this.#totalBytes = total === undefined ? 0 : Number(total) * MEGABYTE;
    this.#bytesBeforeStep = this.#countBytes();
    const sizeText = total === undefined ? '' : `, ${total} MB`;
    this.#print(`Step ${nextStep + 1} of ${STEPS.length}: ${STEPS[nextStep]?.[1]}${sizeText}`);
    if (this.#totalBytes > 0) this.#report();
  }

  /** Ends the reports. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #report(): void {
    this.#timer = repeat(systemClock, REPORT_EVERY_MS, () => {
      const bytes = Math.min(this.#totalBytes, this.#countBytes() - this.#bytesBeforeStep);
      if (bytes > 0)
        this.#print(
          `Step ${this.#step + 1} of ${STEPS.length}: ${megabytes(bytes)} of ${megabytes(this.#totalBytes)} MB`,
        );
    });
  }

  /** The bytes of all packages downloaded so far, complete or not. */
  #countBytes(): number {
    const readSize = (name: string): number =>
      statSync(join(this.#directory, name), { throwIfNoEntry: false })?.size ?? 0;
    return globSync('**/*.deb', { cwd: this.#directory }).reduce((sum, name) => sum + readSize(name), 0);
  }
}

const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(bytes < MEGABYTE * 10 ? 1 : 0);
