// Errors of the operating system while the boot tree is written.

import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { composeOwnershipRemedy } from '../../files/ownership.ts';
import { statIfVisible } from '../../files/seen-stats.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';

const { R_OK, W_OK, X_OK } = constants;

/** Turns a system error into the RackError `store-unwritable`. Returns other errors unchanged. */
export function asStoreError(error: unknown, directory: string): unknown {
  if (error instanceof RackError) return error;
  const code = osErrorCode(error);
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const paths = listErrorPaths(error);
  // The error may concern another directory, such as the one in which packages are unpacked.
  const [path = directory] = paths;
  const location = paths.length === 0 || paths.some((path) => path.startsWith(directory)) ? directory : dirname(path);
  const text = `${location} cannot be written (${code}): ${storeRemedy(error, location)}`;
  return new RackError('store-unwritable', text, { cause: error });
}

/**
 * Writes the remedy for a system error below a directory, with the causing path.
 * @param directory the remedy may change its owner
 */
export function storeRemedy(error: unknown, directory: string): string {
  const paths = listErrorPaths(error);
  const [path = directory] = paths;
  switch (osErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'free space on its disk';
    case 'EXDEV':
      // Files are put into the boot tree by hard links.
      return 'the directory images of the boot tree is on another file system; keep the whole tree on one';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS': {
      const deniedPath =
        listPathComponents(path).findLast((component) => component.startsWith(directory) && isDenied(component)) ??
        directory;
      return `${deniedPath === directory ? '' : `${deniedPath}: `}${composeOwnershipRemedy(deniedPath, directory)}`;
    }
    case 'ENOTDIR': {
      const components = [...paths, directory].flatMap(listPathComponents);
      return `${components.find((component) => statIfVisible(component)?.isDirectory() === false) ?? path} is not a directory: move it away`;
    }
    case 'EISDIR':
      return `${path} is a directory: move it away`;
    case 'EEXIST':
    case 'ENOTEMPTY':
      return `${path} is in the way: move it away`;
    default:
      return `check ${path} and its disk`;
  }
}

/** Lists the paths that an error names. If there are two, the target comes first. */
const listErrorPaths = (error: unknown): readonly string[] =>
  ['dest', 'path'].flatMap((key) => {
    const errorPath: unknown = error instanceof Error ? Reflect.get(error, key) : undefined;
    return typeof errorPath === 'string' ? [errorPath] : [];
  });

/** Lists the parent directories of a path, the highest first, and the path itself. */
function listPathComponents(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...listPathComponents(parent), path];
}

/** True if this process may not read or change the path. */
function isDenied(path: string): boolean {
  const stats = statIfVisible(path);
  if (stats === undefined) return false;
  try {
    accessSync(path, stats.isDirectory() ? R_OK | W_OK | X_OK : R_OK | W_OK);
    return false;
  } catch {
    return true;
  }
}
