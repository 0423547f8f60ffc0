// The parameters of disks: sizes and mounts.
//
// Source: MAAS's forms; fstab(5) for what a line of the table of file systems takes.

import { z } from 'zod';
import { value } from '../call/operation.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
const SIZE = /^(\d{1,15})([kmgt]?)b?$/i;

/** A size as people write it. */
export const size = z.string().regex(SIZE, 'field.size-form');

/** The bytes of a size; `undefined` if none is given. */
export function bytesOf(text: string | undefined): number | undefined {
  const [, number, unit = ''] = SIZE.exec(text ?? '') ?? [];
  if (number === undefined) return undefined;
  return Math.min(Number.MAX_SAFE_INTEGER, Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
}

/** Both become words of a line of fstab, so they contain no spaces, and the path contains no `..`. */
export const mountParameters = z.object({
  mount_point: value(
    z
      .string()
      .max(255)
      .regex(/^(?:none|\/(?:[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*)?)$/, 'field.mount-point')
      .refine((path) => !path.split('/').includes('..'), 'field.mount-point'),
  ).describe('The mount point: an absolute path; `none` for swap.'),
  mount_options: value(
    z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9,=._:/-]*$/, 'field.mount-options'),
  )
    .optional()
    .describe('The options of the mount, as in fstab.'),
});
