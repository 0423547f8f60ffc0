// Publishes the files of an installer in the boot tree.

import { dirname } from 'node:path';
import { checkSpace } from '../content/blob-writing.ts';
import { publishDirectory, type ReplacementCheck } from '../store/directory-publication.ts';
import { type FileContent, makeDirectories } from '../store/publication.ts';

interface InstallerFile {
  readonly name: string;
  /** Undefined: the file is only stored. */
  readonly data?: Uint8Array | undefined;
  /** A file with these bytes, which never changes; undefined: none. */
  readonly stored?: string | undefined;
}

/**
 * A stored file gets a further name, which needs no room.
 * @throws RackError `store-unwritable` if the disk has no room for the others; the system's error
 */
export async function publishInstallerFiles(
  directory: string,
  images: readonly InstallerFile[],
  manifest: FileContent,
  mayReplace: ReplacementCheck,
): Promise<void> {
  const publishWith = async (mayLink: boolean): Promise<void> => {
    const files = images.map(({ name, data, stored }) =>
      stored !== undefined && (mayLink || data === undefined)
        ? { name, link: stored }
        : { name, data: data ?? new Uint8Array() },
    );
    const bytes = files.reduce((sum, file) => sum + ('data' in file ? file.data.length : 0), 0);
    if (bytes > 0) await checkSpace(directory, bytes);
    await publishDirectory(directory, [...files, manifest], mayReplace);
  };
  await makeDirectories(dirname(directory));
  try {
    await publishWith(true);
  } catch (error) {
    // The file is on another disk, of another user, or cannot have hard links.
    if (!(error instanceof Error && 'syscall' in error && error.syscall === 'link')) throw error;
    await publishWith(false);
  }
}
