// The root directory of the Debian that `images make-debian` makes, as the forms in which MAAS's streams have roots. Built once.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachePlace } from '../../bin/cache-place.js';
import { systemClock } from '../../src/ground/clock.ts';
import { buildDebianRoot } from '../../src/images/build/debian-root.ts';

const CACHE = join(cachePlace(), 'rackboot-lab');
const RELEASE = 'bookworm';
const IDS = { root: '0d3a1f6e-5c1b-4f0a-9c55-6f6b6f0c7a11', esp: '1234-ABCD' };

/** The files of a root. */
export interface RootForms {
  /** `.tar.gz`, as root-tgz. */
  readonly archive: string;
  readonly squashfs: string;
  /** The kernel and the initrd of the root. */
  readonly kernel: string;
  readonly initrd: string;
}

/** The root for amd64; made when it is not there, which takes minutes. The squashfs has no kernel, as those of MAAS. */
export async function cachedDebianRoot(onProgress: (text: string) => void = () => undefined): Promise<RootForms> {
  const place = join(CACHE, `debian-root-amd64-${sourcesHash()}`);
  if (!existsSync(place)) await make(place, onProgress);
  const at = (name: string): string => join(place, name);
  return { archive: at('root.tar.gz'), squashfs: at('squashfs'), kernel: at('kernel'), initrd: at('initrd') };
}

async function make(place: string, onProgress: (text: string) => void): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const part = `${place}.part-${process.pid}`;
  mkdirSync(part);
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-root-'));
  const run = (program: string, ...words: readonly string[]): void => {
    execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  try {
    const tar = join(scratch, 'root.tar');
    await buildDebianRoot(
      {
        release: RELEASE,
        arch: 'amd64',
        cloudInit: true,
        packages: [],
        mirrors: [],
        onProgress,
        cacheDir: join(CACHE, `debian-packages-${RELEASE}-amd64`),
        epochSeconds: Math.floor(systemClock.wallTimeMs() / 1000),
      },
      IDS,
      tar,
    );
    const root = join(scratch, 'root');
    mkdirSync(root);
    run('tar', '--extract', '--numeric-owner', '--file', tar, '--directory', root);
    run('sh', '-c', 'gzip -1 <"$1" >"$2"', 'sh', tar, join(part, 'root.tar.gz'));
    for (const [pattern, name] of [
      ['boot/vmlinuz-*', 'kernel'],
      ['boot/initrd.img-*', 'initrd'],
    ] as const) {
      const [found = ''] = globSync(pattern, { cwd: root });
      run('mv', join(root, found), join(part, name));
    }
    run('mksquashfs', root, join(part, 'squashfs'), '-comp', 'zstd', '-Xcompression-level', '1', '-quiet');
    renameSync(part, place);
  } finally {
    rmSync(part, { recursive: true, force: true });
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The sources that determine the root. */
function sourcesHash(): string {
  const images = join(import.meta.dirname, '..', '..', 'src', 'images', 'build');
  const hash = createHash('sha256').update(readFileSync(import.meta.filename));
  for (const file of globSync(['debian-root.ts', 'debian/*'], { cwd: images }).sort())
    if (statSync(join(images, file)).isFile()) hash.update(readFileSync(join(images, file)));
  return hash.digest('hex').slice(0, 16);
}
