// `rackboot images make-debian`: makes a disk image from Debian's packages, for sites without their
// own image.

import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemporaryDirectory } from '../../files/temporary-directory.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { makeDebianImage } from '../../images/build/debian-image.ts';
import { packageCache } from '../terminal/cache-place.ts';
import { formatDuration, print, printJson } from '../terminal/output.ts';
import { addOpened, describeAdding } from './add.ts';
import { openTreeAsOwner } from './image-tree.ts';
import type { MakeDebianFlags } from './options.ts';

const UNITS: Readonly<Record<string, number>> = { M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** Makes the image, adds it to the store, and prints its name. @returns 0 */
export async function makeDebian(flags: MakeDebianFlags): Promise<number> {
  const startedMs = systemClock.wallTimeMs();
  const bytes = flags.size === undefined ? undefined : parseSize(flags.size);
  const workDir = makeTemporaryDirectory('rackboot-debian-');
  const removeWorkDir = (): void => rmSync(workDir, { recursive: true, force: true });
  process.once('exit', removeWorkDir);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  const builtImage = await makeDebianImage({
    release: flags.release,
    arch: flags.arch,
    bytes,
    cloudInit: flags.cloudInit,
    packages: flags.package ?? [],
    mirrors: flags.mirror ?? [],
    cacheDir: flags.cache ?? join(packageCache(), `debian-${flags.release}-${flags.arch}`),
    // SOURCE_DATE_EPOCH makes builds reproducible.
    epochSeconds: Number(process.env.SOURCE_DATE_EPOCH || Math.floor(startedMs / 1000)),
    workDir,
    onProgress: (text) => {
      if (!flags.json) print(text);
    },
  });
  const file = await open(builtImage.file, 'r');
  try {
    // Only the open file is needed now. The owner of the store may be another user, who could not
    // remove the other files.
    removeWorkDir();
    process.removeListener('exit', removeWorkDir);
    if (!flags.json) print('Adding it to the store');
    const title = `Debian ${flags.release}${flags.cloudInit ? ' with cloud-init' : ''}`;
    const result = await addOpened(await openTreeAsOwner(flags), file, {
      ...flags,
      file: 'the image',
      os: 'debian',
      subarch: 'generic',
      serial: undefined,
      title,
      compress: true,
      isMade: true,
    });
    if (flags.json) printJson(result);
    else print(`${describeAdding(result)} It took ${formatDuration(systemClock.wallTimeMs() - startedMs)}.`);
    return 0;
  } finally {
    await file.close();
  }
}

/** Parses a size such as `2G` or `900M` into bytes. @throws RackError `bad-argument` */
export function parseSize(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([MGT])(?:iB|B)?$/i.exec(text.trim()) ?? [];
  const bytes = Number(number) * (UNITS[unit.toUpperCase()] ?? 0);
  if (bytes > 0) return bytes;
  throw new RackError('bad-argument', `${JSON.stringify(text)} is not a disk size: write 900M or 2G`);
}
