// The sources of templates: the operator's directory, then the shipped one.
// `files/text-directory.ts` opens the files.
//
// 1. For the same name, the operator's file wins over the shipped one. A more specific name wins
//    over a less specific one, in either directory.
// 2. A file that exists but cannot be read is an error, because skipping it would give a machine
//    the wrong file.

import { fileURLToPath } from 'node:url';
import type { FileMistake, Mistake } from '../records/preseed-mistake.ts';
import { isTemplateName } from './names.ts';

export type FoundText =
  | { readonly ok: true; readonly path: string; readonly text: string }
  | { readonly ok: false; readonly path: string; readonly fault: Mistake<FileMistake> };

/** A directory of texts; each call reads the current files. */
export interface TextSource {
  find(name: string): FoundText | undefined;
  /** The names of its files; empty if the directory does not exist. */
  list(): readonly string[];
}

interface TemplateEntry {
  readonly name: string;
  readonly origin: 'yours' | 'shipped';
  /** True for a shipped template that an operator's file replaces. */
  readonly isReplaced: boolean;
}

export const SHIPPED_DIRECTORY: string = fileURLToPath(new URL('./templates/', import.meta.url));

export class TemplateSource {
  readonly #own: TextSource;
  readonly #shipped: TextSource;

  constructor(own: TextSource, shipped: TextSource) {
    this.#own = own;
    this.#shipped = shipped;
  }

  /** The text with this name; `undefined` if there is none, or the name is invalid. */
  find(name: string): FoundText | undefined {
    return isTemplateName(name) ? (this.#own.find(name) ?? this.#shipped.find(name)) : undefined;
  }

  list(): readonly TemplateEntry[] {
    const own = new Set(this.#own.list().filter(isTemplateName));
    const shipped = this.#shipped.list().filter(isTemplateName);
    const entries = [
      ...[...own].map((name): TemplateEntry => ({ name, origin: 'yours', isReplaced: false })),
      ...shipped.map((name): TemplateEntry => ({ name, origin: 'shipped', isReplaced: own.has(name) })),
    ];
    return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.origin === 'yours' ? -1 : 1));
  }
}
