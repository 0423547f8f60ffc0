// A boot loader or an installer in a boot tree, as an import leaves it.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeFile, encodeManifest } from '../../src/images/store/publication.ts';

/** @param files their contents by name @param facts further ones of the manifest */
export function putPart(
  tree: string,
  directory: string,
  files: Readonly<Record<string, string>>,
  facts: Readonly<Record<string, unknown>>,
): void {
  const path = join(tree, directory);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  const contents = Object.entries(files).map(([name, text]) => ({ name, data: Buffer.from(text) }));
  const manifest = { schema: 1, packages: [], files: contents.map(describeFile), source: 'maas', ...facts } as const;
  for (const { name, data } of [...contents, encodeManifest(manifest)]) writeFileSync(join(path, name), data);
}
