// The names under which a machine's template is looked up, the most specific first.
//
//   {prefix}_{os}_{arch}_{subarch}_{release}_{node}
//   {prefix}_{os}_{arch}_{subarch}_{release}
//   {prefix}_{os}_{arch}_{subarch}
//   {prefix}_{os}_{arch}
//   {prefix}_{os}
//   {prefix}
//   generic
//
// 1. For Ubuntu, each name is followed by the same name without the os; without an os, only those
//    names exist. So template directories that predate the os part still work.
// 2. Every name is a plain file name. A part with a slash or a leading dot gives no name, so names
//    from machines and people cannot lead out of the directory.

import { isPlainName } from '../../boot/images.ts';

export interface NameParts {
  /** Empty for the installer's preseed. */
  readonly prefix: string;
  readonly osystem: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly release: string;
  readonly node: string;
}

export const LAST_NAME = 'generic';
/** The system of the first templates, whose names had no os part. */
const UNNAMED_OS = 'ubuntu';
const NAME_MAX = 255;

export const isTemplateName = (name: string): boolean => name.length <= NAME_MAX && isPlainName(name);

export function templateNames(parts: NameParts): readonly string[] {
  const { prefix, osystem } = parts;
  const rest = [parts.architecture, parts.subarchitecture, parts.release, parts.node];
  const names = new Set<string>();
  const add = (words: readonly string[]): void => {
    const present = words.filter((word) => word !== '');
    const name = present.join('_');
    if (present.every(isPlainName) && isTemplateName(name)) names.add(name);
  };
  for (let count = rest.length; count >= 0; count -= 1) {
    const some = rest.slice(0, count);
    if (osystem !== '') add([prefix, osystem, ...some]);
    if (osystem === '' || osystem === UNNAMED_OS) add([prefix, ...some]);
  }
  add([prefix]);
  names.delete(LAST_NAME);
  return [...names, LAST_NAME];
}
