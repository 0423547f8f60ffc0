// The parameters of disks: sizes and mounts.
//
// Source: MAAS's forms; fstab(5) for what a line of the table of file systems takes.

import { z } from 'zod';
import { PART_TAG_MAX, STORAGE_PARTS_MAX } from '../../records/machine-layout.ts';
import { REQUIRED } from '../../records/refusal.ts';
import { numberText, value, values } from '../call/operation.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
const SIZE = /^(\d{1,15})([kmgt]?)b?$/i;

/** A size as people write it. */
export const size = z.string().regex(SIZE, 'Give bytes, or a number with K, M, G or T.');

export function parseSizeBytes(text: string | undefined): number | undefined {
  const [, number, unit = ''] = SIZE.exec(text ?? '') ?? [];
  if (number === undefined) return undefined;
  return Math.min(Number.MAX_SAFE_INTEGER, Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
}

const MOUNT_POINT = 'Give an absolute path without `..`, spaces or control characters.';

/** Both become words of a line of fstab, so they contain no spaces, and the path contains no `..`. */
export const mountParameters = z.object({
  mount_point: value(
    z
      .string()
      .max(255)
      .regex(/^(?:none|\/(?:[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*)?)$/, MOUNT_POINT)
      .refine((path) => !path.split('/').includes('..'), MOUNT_POINT),
  ).describe('The mount point: an absolute path; `none` for swap.'),
  mount_options: value(
    z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9,=._:/-]*$/, 'Give letters, digits and `,=._:/-`.'),
  )
    .optional()
    .describe('The options of the mount, as in fstab.'),
});

export const uuid = value(z.uuid()).optional().describe('Its UUID. Default: a new one.');

export const partWords = (description: string) => values(STORAGE_PARTS_MAX).optional().describe(description);

const KERNEL_PATH = /^\/dev\/([A-Za-z0-9][A-Za-z0-9_-]{0,31})$/;

export const parseKernelName = (path: string | undefined): string | undefined => KERNEL_PATH.exec(path ?? '')?.[1];

const storageTextParameter = (description: string) =>
  value(z.string().trim().max(128)).optional().describe(description);

export const diskParameters = z.object({
  name: value(z.string().max(32)).describe('Its name.'),
  model: storageTextParameter('Its model.'),
  serial: storageTextParameter('Its serial number, by which a deployment finds it.'),
  id_path: value(
    z
      .string()
      .trim()
      .refine(
        (path) => path === '' || KERNEL_PATH.test(path),
        "Give /dev/ and the kernel's name, like /dev/sdb; other paths are unknown when a machine is deployed.",
      ),
  )
    .optional()
    .describe("/dev/ and the kernel's name, by which a deployment finds a disk without a serial number."),
  size: value(size).describe('Its size in bytes, or with K, M, G or T.'),
  block_size: value(
    numberText(/^\d{1,7}$/)
      .transform(Number)
      .pipe(z.number().min(512).max(1_048_576)),
  )
    .optional()
    .describe('The bytes of a block. Default: 512.'),
});

export const tagParameters = z.object({
  tag: value(z.string().trim().min(1, REQUIRED).max(PART_TAG_MAX)).describe('The tag, any word.'),
});
