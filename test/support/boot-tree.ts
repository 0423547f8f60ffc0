// A boot tree with the real environment and the real loaders, built once for all tests of this state of the sources.

import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildEnvironment } from '../../src/images/environment.ts';
import { installLoaders } from '../../src/images/loaders.ts';

const ROOT = dirname(dirname(import.meta.dirname));

/** The directory of a tree with `amd64/generic/bookworm/commissioning` and the amd64 loaders. */
export async function realBootTree(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of globSync('src/images/**/*', { cwd: ROOT, withFileTypes: false }).sort()) {
    if (/\.\w+$|environment\/\w/.test(file) && !file.endsWith('agent.sh')) hash.update(readIfFile(join(ROOT, file)));
  }
  const base = join(tmpdir(), `rackboot-test-images-${process.getuid?.() ?? 0}`);
  const tree = join(base, hash.digest('hex').slice(0, 16));
  if (existsSync(tree)) return tree;
  mkdirSync(base, { recursive: true });
  const part = `${tree}.part-${process.pid}`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part);
  const request = {
    tree: part,
    arch: 'amd64',
    release: 'bookworm',
    workDir: join(base, 'work'),
    onProgress: () => undefined,
  };
  await buildEnvironment(request);
  await installLoaders(request);
  renameSync(part, tree);
  return tree;
}

function readIfFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
