// `rackboot images import FILE.iso`: the installer on the disc of Ubuntu's live server.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFault } from '../../files/read-fault.ts';
import { bytesOfFile } from '../../images/image-file.ts';
import { importDisc } from '../../images/iso/disc-installer.ts';
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

/** True for the name of a disc's image. */
export const isDiscName = (name: string): boolean => /\.iso$/i.test(name);

/** Imports the installer of a disc, and prints its files. @returns 0 */
export async function importDiscFile(flags: DiscFlags): Promise<number> {
  // Opened before switching users: the owner of the state directory may have no right to read it.
  const file = await open(flags.file, 'r').catch((cause: unknown) => {
    throw fileFault(flags.file, cause);
  });
  try {
    const { tree } = enterImageTree(flags);
    const { directory, files, title, arch, release } = await importDisc({
      ...{ tree, file: await bytesOfFile(file, flags.file), fileName: flags.file },
      ...{ arch: flags.arch, release: flags.release, onProgress: printTenths(flags.json) },
    });
    if (flags.json) printJson({ directory, files, title, arch, release });
    else {
      print(`${title} for ${arch}: deploy it as ubuntu/${release} with --by installer`);
      for (const { name, bytes, sha256 } of files)
        print(`${join(directory, name)}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`);
    }
    return 0;
  } finally {
    await file.close();
  }
}
