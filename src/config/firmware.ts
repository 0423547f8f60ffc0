// The prefixes of hardware addresses by which firmware with a quirk is recognised: config/firmware.json. A site adds its own to `boot.quirks`.
//
// Source of those of raspberry-pi: the IEEE's registers, MA-L of Raspberry Pi Foundation, Raspberry Pi (Trading) Ltd and Raspberry Pi Ltd, and the
// company identifier (CID) 3a:35:41 for addresses that are given locally.

import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { QUIRK_NAMES, type QuirkPrefixes } from '../boot/quirks.ts';
import { readRegularFile } from '../files/regular-file.ts';
import { macPrefix } from './written-values.ts';

const FILE = fileURLToPath(new URL('../../config/firmware.json', import.meta.url));
const BYTES_MAX = 65_536;
const shape = z.partialRecord(z.enum(QUIRK_NAMES), z.array(macPrefix));
let prefixes: QuirkPrefixes | undefined;

/** The shipped prefixes; read once. */
export function quirkPrefixes(): QuirkPrefixes {
  if (prefixes !== undefined) return prefixes;
  const written = shape.parse(JSON.parse(readRegularFile(FILE, BYTES_MAX)));
  prefixes = new Map(
    QUIRK_NAMES.flatMap((quirk) => (written[quirk] ?? []).map(({ value }) => [value, quirk] as const)),
  );
  return prefixes;
}
