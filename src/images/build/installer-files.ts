// Publishes the files of an installer in the boot tree.

import { dirname } from 'node:path';
import { checkSpace } from '../content/blob-writing.ts';
import { publishDirectory, type ReplacementCheck } from '../store/directory-publication.ts';
import { type FileContent, makeDirectories } from '../store/publication.ts';

interface InstallerFile {
  readonly name: string;
  /** The bytes of the file. Undefined if only `storedPath` has them. */
  readonly data?: Uint8Array | undefined;
  /** A file of the store with these bytes, which never changes. Undefined if there is none. */
  readonly storedPath?: string | undefined;
}

/**
 * Publishes the files of an installer. A stored file gets a hard link, which needs no room.
 * @throws RackError `store-unwritable` if the disk has no room for the others; the system's error
 */
export async function publishInstallerFiles(
  directory: string,
  images: readonly InstallerFile[],
  manifest: FileContent,
  mayReplace: ReplacementCheck,
): Promise<void> {
  const publishWith = async (mayLink: boolean): Promise<void> => {
    const files = images.map(({ name, data, storedPath }) =>
      storedPath !== undefined && (mayLink || data === undefined)
        ? { name, link: storedPath }
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
    // The stored file is on another disk, belongs to another user, or cannot have hard links.
    if (!(error instanceof Error && 'syscall' in error && error.syscall === 'link')) throw error;
    await publishWith(false);
  }
}
