// A few files that the compiler reads as if they were part of the product: they contain what a guard over the types must find.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache');

export interface TypedSample {
  /** The folder with the files; `src` of the product is `../../../src` from there. */
  readonly folder: string;
  /** Its tsconfig.json. */
  readonly project: string;
  remove(): void;
}

/** Writes a project of files, inside the product's own so that its options and the types of Node are found. @param files text by name */
export function writeTypedSample(files: Readonly<Record<string, string>>): TypedSample {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'sample-'));
  const project = join(folder, 'tsconfig.json');
  const options = { extends: '../../../tsconfig.json', include: ['*.ts'], exclude: [] };
  for (const [name, text] of Object.entries({ ...files, 'tsconfig.json': JSON.stringify(options) }))
    writeFileSync(join(folder, name), text);
  return { folder, project, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
