// A real Debian to deploy in tests, made once and kept for as long as the sources that make it stay the same.

import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachePlace } from '../../bin/cache-place.js';
import { systemClock } from '../../src/ground/clock.ts';
import { makeDebianImage } from '../../src/images/build/debian-image.ts';
import { addImage } from '../../src/images/content/image-adding.ts';
import { bytesOfFile } from '../../src/images/content/image-file.ts';
import { blobPath, readImages, type StoredImage } from '../../src/images/store/image-store.ts';
import type { Need } from './needs.ts';

/** An architecture of images. */
export type ImageCpu = 'amd64' | 'arm64' | 'i386';

/** An image, and where it is. */
export interface CachedImage extends StoredImage {
  /** A boot tree that has nothing but the image's store; add the image to another tree by `addCachedImage`. */
  readonly tree: string;
  /** The compressed bytes. */
  readonly path: string;
}

const ROOT = join(import.meta.dirname, '..', '..');
const CACHE = join(cachePlace(), 'rackboot-lab');
const RELEASE = 'bookworm';
/** The sources that determine the contents of an image. */
const SOURCES = [
  'build/boot-disk.ts',
  'build/debian-image.ts',
  'build/debian-root.ts',
  'build/debian/*',
  'content/image-adding.ts',
];

/** The boot tree with the image for an architecture. */
const treeOf = (arch: ImageCpu): string => join(CACHE, `debian-${arch}-${sourcesHash()}`);

/** The needs of the host that makes it; a mirror only until it is made. */
export const DEBIAN_IMAGE_NEEDS: readonly Need[] = [
  ...(['linux', 'root', 'apt-get', 'mmdebstrap', 'mformat', 'mkfs.ext4', 'sfdisk'] as const),
  ...(existsSync(treeOf('amd64')) ? [] : (['debian-mirror'] as const)),
];

/** Debian with cloud-init and SSH, for `debian` and root; made when it is not there, which takes minutes. */
export async function cachedDebianImage(
  onProgress: (text: string) => void = () => undefined,
  arch: ImageCpu = 'amd64',
): Promise<CachedImage> {
  const tree = treeOf(arch);
  if (!existsSync(tree)) await make(tree, arch, onProgress);
  const image = readImages(tree).images[0];
  if (image === undefined) throw new Error(`${tree} has no image: remove it`);
  return { ...image, tree, path: join(tree, blobPath(image.sha256, image.format)) };
}

async function make(tree: string, arch: string, onProgress: (text: string) => void): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const part = `${tree}.part-${process.pid}`;
  const workDir = mkdtempSync(join(tmpdir(), 'rackboot-debian-'));
  try {
    const { file } = await makeDebianImage({
      release: RELEASE,
      arch,
      cloudInit: true,
      packages: [],
      mirrors: [],
      workDir,
      onProgress,
      cacheDir: join(CACHE, `debian-packages-${RELEASE}-${arch}`),
      epochSeconds: Math.floor(systemClock.wallTimeMs() / 1000),
    });
    const opened = await open(file, 'r');
    const name = { os: 'debian', release: RELEASE, architecture: arch, subarchitecture: 'generic', label: 'release' };
    const terms = { fileName: file, compress: true, nowMs: systemClock.wallTimeMs(), onProgress: () => undefined };
    onProgress('Compressing it');
    await addImage({ tree: part, file: await bytesOfFile(opened, file), name, ...terms }).finally(() => opened.close());
    renameSync(part, tree);
  } catch (error) {
    // Another process may have built the same meanwhile.
    if (!existsSync(tree)) throw error;
  } finally {
    rmSync(part, { recursive: true, force: true });
    rmSync(workDir, { recursive: true, force: true });
  }
}

function sourcesHash(): string {
  const images = join(ROOT, 'src', 'images');
  const hash = createHash('sha256');
  for (const file of globSync(SOURCES, { cwd: images }).sort()) {
    if (!statSync(join(images, file)).isFile()) continue;
    hash.update(`${file}\0`).update(readFileSync(join(images, file)));
  }
  return hash.digest('hex').slice(0, 16);
}
