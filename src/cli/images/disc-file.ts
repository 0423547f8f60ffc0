// `rackboot images import FILE.iso`: the installer on the disc of Ubuntu's live server.

import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOfFile } from '../../images/image-file.ts';
import { importDisc } from '../../images/make/disc-installer.ts';
import { formatBytes, print, printJson } from '../terminal/output.ts';
import { enterImageTree } from './image-tree.ts';
import { printTenths } from './tenths.ts';

interface DiscFlags {
  readonly config: string;
  readonly tree?: string | undefined;
  readonly file: string;
  readonly arch: string;
  readonly release?: string | undefined;
  readonly json: boolean;
}

/** Imports the installer of a disc, and prints its files. @param file the open disc, which the caller closes @returns 0 */
export async function importDiscFile(file: FileHandle, flags: DiscFlags): Promise<number> {
  const { tree } = await enterImageTree(flags);
  const bytes = await bytesOfFile(file, flags.file);
  const { directory, files, title, arch, release } = await importDisc({
    tree,
    file: bytes,
    fileName: flags.file,
    whenCopied: () => bytes.checkUnchanged(),
    arch: flags.arch,
    release: flags.release,
    onProgress: printTenths(flags.json),
  });
  if (flags.json) printJson({ directory, files, title, arch, release });
  else {
    print(`${title} for ${arch}: deploy it as ubuntu/${release} with --by installer`);
    for (const { name, bytes, sha256 } of files)
      print(`${join(directory, name)}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`);
  }
  return 0;
}
