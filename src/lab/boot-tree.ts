// A boot tree with the real environment and loaders, built once and cached until the sources that
// build it change.

import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cachePlace } from '../../bin/cache-place.js';
import type { Cpu } from '../boot/architectures.ts';
import { buildEnvironment } from '../images/build/environment.ts';
import { importInstaller } from '../images/build/installer.ts';
import { installLoaders } from '../images/build/loaders.ts';
import { replacesAll } from '../images/store/directory-publication.ts';
import { BuildProgress } from './build-progress.ts';

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
