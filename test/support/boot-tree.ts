// A boot tree with the real environment and the real loaders, built once for all tests of this state of the sources.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';

/** The directory of a tree with `amd64/generic/bookworm/commissioning` and the amd64 loaders. */
export function realBootTree(): Promise<string> {
  return cachedBootTree(join(tmpdir(), `rackboot-test-images-${process.getuid?.() ?? 0}`), () => undefined);
}
