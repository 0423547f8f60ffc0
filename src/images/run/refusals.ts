// Remembers the files whose content was refused, so that no import downloads them again.
//
// 1. A refusal lasts until `sweepDownloads` removes it (left-downloads.ts), or the image is deleted.
// 2. It counts only for the same version of Rackboot: another may accept the file.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import { isFields, parseJson } from '../../fields.ts';
import { replaceFile } from '../../files/new-file.ts';
import { readVersion } from '../../files/program-version.ts';
import type { DownloadRequest } from '../download/request.ts';

const REMEMBERED =
  'an earlier import found this; the file is not downloaded again for two weeks, or until the image is deleted';

interface Refusal {
  /** The refused use: an architecture, or the format of a root. */
  readonly as: string;
  readonly why: string;
}

type RefusedFile = Pick<DownloadRequest, 'directory' | 'name'>;

const refusalPath = ({ directory, name }: RefusedFile): string => join(directory, `${name}.refused`);

/** Remembers a refused file. @throws the system's error */
export async function noteRefusal(file: RefusedFile, refusal: Refusal): Promise<void> {
  const path = refusalPath(file);
  const text = `${JSON.stringify({ ...refusal, by: readVersion() })}\n`;
  await replaceFile(path, `${path}.new`, () => text, 0o644);
}

/** @returns the earlier refusal of this version for this use; undefined: none. */
export function readRefusal(file: RefusedFile, as: string): string | undefined {
  try {
    const found = parseJson(readFileSync(refusalPath(file), 'utf8'));
    if (!isFields(found) || found.as !== as || found.by !== readVersion()) return undefined;
    return typeof found.why === 'string' ? `${found.why} (${REMEMBERED})` : undefined;
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
