// Times on the command line: `90s`, `10m`, `2h`, `1d`.

import { RackError } from '../../ground/errors.ts';

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** @returns seconds @throws RackError `bad-argument` that names the flag */
export function parseDuration(text: string, flag: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const unit = UNIT_SECONDS[match?.[2] ?? ''];
  if (match === null || unit === undefined)
    throw new RackError('bad-argument', `${flag} ${text} is not a time such as 90s, 10m, 2h or 1d`);
  return Number(match[1]) * unit;
}
