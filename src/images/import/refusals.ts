// Remembers the files whose content was refused, so that no import downloads them again.
//
// 1. A refusal is remembered until `sweepDownloads` removes it (left-downloads.ts), or until the image is deleted.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import { isFields, parseJson } from '../../fields.ts';
import { readRegularFile, UnfitFile } from '../../files/regular-file.ts';
import type { DownloadRequest } from '../download/request.ts';

const RECORD_BYTES_MAX = 16 * 1024;

/** A refusal. */
interface Refusal {
  /** The use for which the file was refused: an architecture, or the format of a root. */
  readonly as: string;
  readonly why: string;
}

/** A downloaded file. */
type RefusedFile = Pick<DownloadRequest, 'directory' | 'name'>;

const refusalPath = ({ directory, name }: RefusedFile): string => join(directory, `${name}.refused`);

/** Remembers that a verified file was refused. Rejects with the system's error. */
export const noteRefusal = (file: RefusedFile, refusal: Refusal): Promise<void> =>
  writeFile(refusalPath(file), `${JSON.stringify(refusal)}\n`, { mode: 0o644 });

/** @returns why the file was refused for this use; undefined if it was not. @throws the system's error */
export function readRefusal(file: RefusedFile, as: string): string | undefined {
  try {
    const found = parseJson(readRegularFile(refusalPath(file), RECORD_BYTES_MAX));
    return isFields(found) && found.as === as && typeof found.why === 'string' ? found.why : undefined;
  } catch (error) {
    if (error instanceof UnfitFile || osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
