// `rackboot images build`: the ephemeral environment and the loaders, from Debian's packages into the boot tree.

import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../config/load.ts';
import { buildEnvironment } from '../images/environment.ts';
import { installLoaders } from '../images/loaders.ts';
import { formatBytes, printJson } from './output.ts';

export interface BuildFlags {
  readonly config: string;
  readonly arch: string;
  readonly release?: string | undefined;
  readonly tree?: string | undefined;
  readonly packages?: readonly string[] | undefined;
  readonly json: boolean;
}

/** Builds both and says what was written. @returns 0 */
export async function buildImages(flags: BuildFlags): Promise<number> {
  const config = flags.tree === undefined || flags.release === undefined ? loadConfigIfThere(flags) : undefined;
  const request = {
    tree: flags.tree ?? config?.boot.tree ?? '',
    arch: flags.arch,
    release: flags.release ?? config?.boot.commissioningRelease ?? 'bookworm',
    packages: flags.packages,
    workDir:
      config === undefined
        ? join(tmpdir(), `rackboot-images-${process.getuid?.() ?? 0}`)
        : join(config.stateDir, 'images-work'),
    onProgress: (text: string) => {
      if (!flags.json) console.log(text);
    },
  };
  mkdirSync(request.workDir, { recursive: true, mode: 0o700 });
  const published = [await buildEnvironment(request), await installLoaders(request)];
  if (flags.json) printJson(published);
  else {
    for (const { directory, files } of published) {
      for (const { name, bytes, sha256 } of files)
        console.log(`${join(directory, name)}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`);
    }
  }
  return 0;
}

/** With --tree the configuration is not needed: then a missing one is no failure. */
function loadConfigIfThere(flags: BuildFlags) {
  try {
    return loadConfig(flags.config);
  } catch (error) {
    if (flags.tree === undefined) throw error;
    return undefined;
  }
}
