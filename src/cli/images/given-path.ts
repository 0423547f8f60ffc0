// Opens and recognises a file that a person names. For a file that a command does not accept, the
// error names the right command.

import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { shellWord } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import { bytesOfFile, openNamedFile, readImagePieces } from '../../images/content/image-file.ts';
import type { GivenContent } from '../../images/engine/works.ts';
import {
  type DirectoryKind,
  isDirectory,
  type OpenDirectory,
  openDirectory,
  recogniseDirectory,
} from '../../images/make/directory-packing.ts';
import { type RecognisedFile, recogniseFile } from '../../images/make/given-file.ts';

export type GivenPath =
  | { readonly kind: 'file'; readonly handle: FileHandle; readonly recognised: RecognisedFile }
  | (OpenDirectory & { readonly kind: 'directory'; readonly recognised: DirectoryKind });

/** The kinds of files and directories for which there is a command. */
type GivenKind = RecognisedFile | { readonly kind: Exclude<DirectoryKind, 'system'> };

const NAME_CHARACTERS_MAX = 63;

/**
 * Opens and recognises a file or a directory. The caller closes its handle. @throws RackError as
 * `fileFault`; `bad-argument` for a pipe or the like
 */
export async function openGivenPath(path: string): Promise<GivenPath> {
  if (isDirectory(path)) {
    const directory = await openDirectory(path);
    return await closeOnError(directory.handle, async () => {
      return { ...directory, kind: 'directory', recognised: recogniseDirectory(directory) };
    });
  }
  const handle = await openNamedFile(path);
  return await closeOnError(handle, async () => {
    return { kind: 'file', handle, recognised: await recogniseFile(await bytesOfFile(handle, path)) };
  });
}

/** Reads the content of an open file. @param name the file's name in messages */
export async function readContent(handle: FileHandle, name: string): Promise<GivenContent> {
  const file = await bytesOfFile(handle, name);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const { bytes } of readImagePieces(file)) yield bytes;
    await file.checkUnchanged();
  }
  return { bytes: file.bytes, pieces, file };
}

async function closeOnError<T>(handle: FileHandle, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The error for a file that a command does not accept, with the complete right command. */
export function toWrongCommandError(path: string, recognised: GivenKind): RackError {
  return new RackError('bad-argument', `${path} ${suggestRemedy(shellWord(path), path, recognised)}`);
}

function suggestRemedy(word: string, path: string, recognised: GivenKind): string {
  const pathWord = path.startsWith('/') || path.startsWith('.') ? word : `./${word}`;
  const command = `sudo rackboot images add ${word} --os custom --release ${deriveRelease(path)}`;
  switch (recognised.kind) {
    case 'bundle':
      return `is a bundle of images: sudo rackboot images import ${pathWord}`;
    case 'disc':
      return `is the image of an optical disc; if it is that of Ubuntu's live server: sudo rackboot images import ${pathWord}`;
    case 'netboot':
      return `is a network installer: sudo rackboot images import-installer ${word}`;
    case 'site': {
      const remedy =
        'serve its directory by a web server, and give its URL and its keys: sudo rackboot images sources add';
      return `is a mirror of a site of images: ${remedy} http://server.example/images/ --keyring /usr/share/keyrings/ubuntu-cloudimage-keyring.gpg`;
    }
    case 'nested': {
      const systemDirectory = shellWord(recognised.directory);
      return `has a system in its directory ${recognised.directory}, not at its top: unpack it (mkdir new && sudo tar --xattrs --xattrs-include='*' --numeric-owner -xpf ${word} -C new), then sudo rackboot images add new/${systemDirectory} --os custom --release ${deriveRelease(path)}`;
    }
    case 'root':
      return `is the root of a system, whose name and release it does not tell: ${command}`;
    case 'disk':
      return `is not a bundle or a disc; if it is the image of a disk, name its system: ${command}`;
    case 'other': {
      const remedy = 'name the top directory of a system, or one file';
      return `is a directory, but not the root of a system: it lacks etc/os-release or usr; ${remedy}`;
    }
  }
}

/** The error for a directory with a system, whose name is missing. */
export const toUnnamedSystemError = (path: string): RackError =>
  toWrongCommandError(path, { kind: 'root', format: 'root.tar', rootName: '' });

/** Derives the name of a release from the name of a file. */
function deriveRelease(path: string): string {
  const plain = basename(path)
    .toLowerCase()
    .replace(/(?:\.(?:tar|gz|xz|zst|bz2|tgz|txz|tbz|img|raw|qcow2|squashfs|iso))+$/, '');
  const stem = (plain.match(/[a-z0-9_.+-]+/g) ?? []).join('-').replace(/^[_.+-]+/, '');
  return stem === '' ? 'site' : stem.slice(0, NAME_CHARACTERS_MAX);
}
