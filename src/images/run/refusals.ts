// Remembers the files whose content was refused, so that no import downloads them again.
//
// 1. A refusal lasts until `sweepDownloads` removes it (left-downloads.ts), or the image is deleted.
// 2. It counts only for the same version of Rackboot: another may accept the file.

import { join } from 'node:path';
import { osErrorCode, RackError } from '../../errors.ts';
import { isFields, parseJson } from '../../fields.ts';
import { readVersion } from '../../files/program-version.ts';
import { readRegularFile, replaceFile, UnfitFile } from '../../files/regular-file.ts';
import type { DownloadRequest } from '../download/request.ts';

const RECORD_BYTES_MAX = 16 * 1024;
const REMEMBERED =
  'an earlier import found this; the file is not downloaded again for two weeks, or until the image is deleted';

interface Refusal {
  /** The refused use: an architecture, or the format of a root. */
  readonly as: string;
  readonly why: string;
}

type RefusedFile = Pick<DownloadRequest, 'directory' | 'name'>;

const refusalPath = ({ directory, name }: RefusedFile): string => join(directory, `${name}.refused`);

/**
 * Remembers a refused file. @throws RackError `store-unwritable` if its place has something else; the system's error
 */
export async function noteRefusal(file: RefusedFile, refusal: Refusal): Promise<void> {
  const path = refusalPath(file);
  const fresh = `${path}.new`;
  const text = `${JSON.stringify({ ...refusal, by: readVersion() })}\n`;
  await replaceFile(path, fresh, () => text, 0o644).catch((cause: unknown) => {
    if (!(cause instanceof UnfitFile)) throw cause;
    throw new RackError('store-unwritable', `${fresh} cannot be written (${cause.message}): remove it`, { cause });
  });
}

/** @returns the earlier refusal of this version for this use; undefined: none. */
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
