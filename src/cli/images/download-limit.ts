// The option `--limit` of downloads.

import { RackError } from '../../errors.ts';

const MEBIBYTE = 1024 * 1024;

/** The limit in bytes per second; undefined: none. @throws RackError `bad-argument` */
export function parseLimit(limit: string | undefined): number | undefined {
  if (limit === undefined) return undefined;
  const mebibytes = Number(limit);
  if (mebibytes > 0 && Number.isFinite(mebibytes)) return Math.ceil(mebibytes * MEBIBYTE);
  throw new RackError('bad-argument', `--limit ${limit} is not a rate: give MiB per second, such as 2.5`);
}
