// Finds the documents of this installation. A checkout contains them. Debian's package has them in
// PACKAGED_DOCUMENTS.

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DocumentsPlace } from '../ground/named-documents.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** The directory of the documents in Debian's package (`packaging/debian-package.ts`). */
const PACKAGED_DOCUMENTS = '/usr/share/doc/rackboot/';

/**
 * Finds the directory of the documents. @param cwd the user's directory, which npm passes on @param
 * root the directory of this installation
 */
export function findOwnDocuments(
  cwd: string = process.env.INIT_CWD ?? process.cwd(),
  root: string = ROOT,
): DocumentsPlace {
  if (!existsSync(join(root, 'docs'))) return { directory: PACKAGED_DOCUMENTS, isPackaged: true };
  const relativePath = relative(cwd, root);
  const directory = relativePath.startsWith('..') ? root : relativePath;
  return { directory: directory === '' ? '' : `${directory}/`, isPackaged: false };
}
