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
export const writeTypedSample = (files: Readonly<Record<string, string>>): TypedSample =>
  writeTypedProject({ include: ['*.ts'], exclude: [] }, files);

/** The same of any files. @param which as a tsconfig.json names them, from that folder */
export function writeTypedProject(
  which: { readonly include: readonly string[]; readonly exclude: readonly string[] },
  files: Readonly<Record<string, string>> = {},
): TypedSample {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'sample-'));
  const project = join(folder, 'tsconfig.json');
  const options = { extends: '../../../tsconfig.json', ...which };
  for (const [name, text] of Object.entries({ ...files, 'tsconfig.json': JSON.stringify(options) }))
    writeFileSync(join(folder, name), text);
  return { folder, project, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
