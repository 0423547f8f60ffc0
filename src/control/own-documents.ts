// Finds the documents of this installation: a checkout has them itself, Debian's package has them
// in the directory of its name.

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DocumentsPlace } from '../ground/named-documents.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** The directory of the documents in Debian's package (`packaging/debian-package.ts`). */
const PACKAGED = '/usr/share/doc/rackboot/';

/** @param cwd the user's directory, which npm passes on @param root where this installation is */
export function ownDocuments(cwd: string = process.env.INIT_CWD ?? process.cwd(), root: string = ROOT): DocumentsPlace {
  if (!existsSync(join(root, 'docs'))) return { directory: PACKAGED, isPackaged: true };
  const place = relative(cwd, root);
  const directory = place.startsWith('..') ? root : place;
  return { directory: directory === '' ? '' : `${directory}/`, isPackaged: false };
}
