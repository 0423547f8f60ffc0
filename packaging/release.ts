// What is packaged: the version, which package.json alone has, and the commit.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ROOT } from './pinned.ts';

const packageShape = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  license: z.string(),
  author: z.string(),
  engines: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()),
});

export const PACKAGE = packageShape.parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));

export interface Release {
  readonly version: string;
  readonly commit: string;
  /** No file of a package is newer, in seconds since 1970: SOURCE_DATE_EPOCH, or the time of the commit. */
  readonly epoch: number;
  /** Who packages: DEBFULLNAME and DEBEMAIL (debchange(1)), or the author in package.json. */
  readonly maintainer: string;
}

const log = (format: string): string =>
  execFileSync('git', ['-C', ROOT, 'log', '-1', `--format=${format}`], { encoding: 'utf8' }).trim();

export function readRelease(): Release {
  const { SOURCE_DATE_EPOCH, DEBFULLNAME, DEBEMAIL } = process.env;
  return {
    version: PACKAGE.version,
    commit: log('%H'),
    epoch: Number(SOURCE_DATE_EPOCH ?? log('%ct')),
    maintainer: DEBFULLNAME === undefined || DEBEMAIL === undefined ? PACKAGE.author : `${DEBFULLNAME} <${DEBEMAIL}>`,
  };
}
