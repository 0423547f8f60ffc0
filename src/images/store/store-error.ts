// Errors of the operating system while the boot tree is written.

import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { ownershipRemedy } from '../../files/ownership.ts';
import { statIfVisible } from '../../files/seen-stats.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';

const { R_OK, W_OK, X_OK } = constants;

/** Turns a system error into the RackError `store-unwritable`; others stay. */
export function asStoreError(error: unknown, directory: string): unknown {
  if (error instanceof RackError) return error;
  const code = osErrorCode(error);
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const paths = listErrorPaths(error);
  // Such as the directory in which packages are unpacked.
  const [path = directory] = paths;
  const place = paths.length === 0 || paths.some((path) => path.startsWith(directory)) ? directory : dirname(path);
  const text = `${place} cannot be written (${code}): ${storeRemedy(error, place)}`;
  return new RackError('store-unwritable', text, { cause: error });
}

/**
 * The remedy for a system error below a directory, with the causing path.
 * @param directory whose owner the remedy may change
 */
export function storeRemedy(error: unknown, directory: string): string {
  const paths = listErrorPaths(error);
  const [path = directory] = paths;
  switch (osErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'free space on its disk';
    case 'EXDEV':
      // Files get their places by hard links.
      return 'the directory images of the boot tree is on another file system; keep the whole tree on one';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS': {
      const denied = waysTo(path).findLast((way) => way.startsWith(directory) && isDenied(way)) ?? directory;
      return `${denied === directory ? '' : `${denied}: `}${ownershipRemedy(denied, directory)}`;
    }
    case 'ENOTDIR': {
      const ways = [...paths, directory].flatMap(waysTo);
      return `${ways.find((way) => statIfVisible(way)?.isDirectory() === false) ?? path} is not a directory: move it away`;
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

/** The paths that an error names: of two, first the target. */
const listErrorPaths = (error: unknown): readonly string[] =>
  ['dest', 'path'].flatMap((key) => {
    const place: unknown = error instanceof Error ? Reflect.get(error, key) : undefined;
    return typeof place === 'string' ? [place] : [];
  });

/** The directories above a path, the highest first, and the path itself. */
function waysTo(path: string): readonly string[] {
  const above = dirname(path);
  return above === path ? [path] : [...waysTo(above), path];
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
