// The prefixes of hardware addresses by which firmware with a quirk is recognised: config/firmware.yaml. A site adds its own to `boot.quirks`.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { QUIRK_NAMES, type QuirkPrefixes } from '../boot/quirks.ts';
import { macPrefix } from './written-values.ts';

const FILE = new URL('../../config/firmware.yaml', import.meta.url);
const shape = z.partialRecord(z.enum(QUIRK_NAMES), z.array(macPrefix));
let prefixes: QuirkPrefixes | undefined;

/** The shipped prefixes; read once. */
export function quirkPrefixes(): QuirkPrefixes {
  if (prefixes !== undefined) return prefixes;
  const written = shape.parse(parse(readFileSync(FILE, 'utf8')));
  prefixes = new Map(
    QUIRK_NAMES.flatMap((quirk) => (written[quirk] ?? []).map(({ value }) => [value, quirk] as const)),
  );
  return prefixes;
}
