// Remembers the files whose content was refused, so that no import downloads them again.
//
// 1. A refusal lasts until `sweepDownloads` removes it (left-downloads.ts), or the image is deleted.
// 2. A refusal counts only for the same version of Rackboot, because another version may accept the file.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../files/new-file.ts';
import { readVersion } from '../../files/program-version.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { parseJson } from '../../ground/fields.ts';
import type { DownloadRequest } from '../download/request.ts';

const REFUSAL_NOTE =
  'an earlier import found this; the file is not downloaded again for two weeks, or until the image is deleted';

const recordShape = z.object({
  /** The refused use: an architecture, or the format of a root. */
  as: z.string(),
  why: z.string(),
  /** The version of Rackboot. */
  by: z.string(),
});

type RefusedFile = Pick<DownloadRequest, 'directory' | 'name'>;

const getRefusalPath = ({ directory, name }: RefusedFile): string => join(directory, `${name}.refused`);

/** Remembers a refused file. @throws the system's error */
export async function recordRefusal(
  file: RefusedFile,
  refusal: Omit<z.output<typeof recordShape>, 'by'>,
): Promise<void> {
  const path = getRefusalPath(file);
  const text = `${JSON.stringify({ ...refusal, by: readVersion() })}\n`;
  await replaceFile(path, `${path}.new`, () => text, 0o644);
}

/** Reads the earlier refusal of this version for a use. Undefined if there is none. */
export function readRefusal(file: RefusedFile, use: string): string | undefined {
  try {
    const refusal = recordShape.safeParse(parseJson(readFileSync(getRefusalPath(file), 'utf8'))).data;
    return refusal?.as === use && refusal.by === readVersion() ? `${refusal.why} (${REFUSAL_NOTE})` : undefined;
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
