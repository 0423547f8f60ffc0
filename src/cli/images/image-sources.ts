// The sources of images: those that Rackboot ships, and those of the site.
//
// 1. The site's file stands next to the configuration, as `image-sources.yaml`; it may be missing. A source in it takes the place of a shipped
//    one with the same name, and stands before the others.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { osErrorCode, RackError } from '../../errors.ts';
import { fileFault } from '../../files/read-fault.ts';
import { decodeSources } from '../../images/sources/decode-sources.ts';
import type { ImageSource } from '../../images/sources/source.ts';

const NAME = 'image-sources.yaml';
const SHIPPED = new URL(`../../../config/${NAME}`, import.meta.url);

/** How a command names the file of the site. */
export interface SourceFlags {
  readonly config: string;
  /** Undefined: next to the configuration, if it is there. */
  readonly sources?: string | undefined;
}

/** Reads all sources. Call it before this process switches users. @throws RackError `config-invalid`, `config-unreadable`, or `not-found` */
export function readImageSources({ config, sources }: SourceFlags): readonly ImageSource[] {
  const shipped = decode(NAME, readFileSync(SHIPPED, 'utf8'));
  const path = sources ?? join(dirname(config), NAME);
  const text = readText(path, sources === undefined);
  if (text === undefined) return shipped;
  const own = decode(path, text);
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...shipped.filter(({ name }) => !names.has(name))];
}

function readText(path: string, mayBeMissing: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (mayBeMissing && osErrorCode(cause) === 'ENOENT') return undefined;
    throw fileFault(path, cause);
  }
}

function decode(path: string, text: string): readonly ImageSource[] {
  const decoded = decodeSources(text);
  if (decoded.ok) return decoded.sources;
  const lines = decoded.problems.map(
    (problem) => `  ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`,
  );
  throw new RackError('config-invalid', `${path} cannot be used:\n${lines.join('\n')}`);
}
