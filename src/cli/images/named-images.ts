// The errors of commands that name images by the start of their names.

import { counted, listed } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { nearestHint } from '../../nearest-name.ts';

/** The most images that an error names; the rest are counted. */
export const CANDIDATES_MAX = 8;

/** The beginning of a name that was probably meant, as a question; empty: none is similar. @param names the names of all images */
export function nearestBeginning(wanted: string, names: readonly string[]): string {
  // Compare beginnings with as many parts as the shortened or mistyped name.
  const parts = wanted.split('/').length;
  return nearestHint(wanted, [...new Set(names.map((name) => name.split('/').slice(0, parts).join('/')))]);
}

/** The error if several images match, and only one may. */
export const severalMatch = (names: readonly string[]): RackError =>
  new RackError(
    'bad-argument',
    `${counted(names.length, 'image')} match; give a full name, or add --all: ${listed(names, CANDIDATES_MAX)}`,
  );
