// Remembers the files whose content was refused, so that no import downloads them again.
//
// 1. A refusal is remembered until `sweepDownloads` removes it (left-downloads.ts), or until the image is deleted.
// 2. It counts only for the version of Rackboot that refused the file: the checks of another version may accept it.

import { join } from 'node:path';
import { osErrorCode, RackError } from '../../errors.ts';
import { isFields, parseJson } from '../../fields.ts';
import { readVersion } from '../../files/program-version.ts';
import { readRegularFile, replaceFile, UnfitFile } from '../../files/regular-file.ts';
import type { DownloadRequest } from '../download/request.ts';

const RECORD_BYTES_MAX = 16 * 1024;
const REMEMBERED =
  'an earlier import found this; the file is not downloaded again for two weeks, or until the image is deleted';

/** A refusal. */
interface Refusal {
  /** The use for which the file was refused: an architecture, or the format of a root. */
  readonly as: string;
  readonly why: string;
}

/** A downloaded file. */
type RefusedFile = Pick<DownloadRequest, 'directory' | 'name'>;

const refusalPath = ({ directory, name }: RefusedFile): string => join(directory, `${name}.refused`);

/** Remembers that a verified file was refused. @throws RackError `store-unwritable` if its place has something else; the system's error */
export async function noteRefusal(file: RefusedFile, refusal: Refusal): Promise<void> {
  const path = refusalPath(file);
  const fresh = `${path}.new`;
  const text = `${JSON.stringify({ ...refusal, by: readVersion() })}\n`;
  await replaceFile(path, fresh, () => text, 0o644).catch((cause: unknown) => {
    if (!(cause instanceof UnfitFile)) throw cause;
    throw new RackError('store-unwritable', `${fresh} cannot be written (${cause.message}): remove it`, { cause });
  });
}

/** @returns why this version refused the file for this use, and that this was earlier; undefined if it did not. @throws the system's error */
export function readRefusal(file: RefusedFile, as: string): string | undefined {
  try {
    const found = parseJson(readRegularFile(refusalPath(file), RECORD_BYTES_MAX));
    if (!isFields(found) || found.as !== as || found.by !== readVersion()) return undefined;
    return typeof found.why === 'string' ? `${found.why} (${REMEMBERED})` : undefined;
  } catch (error) {
    if (error instanceof UnfitFile || osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
