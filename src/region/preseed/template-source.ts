// Where templates come from: the operator's directory, and behind it the ones that are shipped. The files themselves are opened
// elsewhere (`files/text-directory.ts`).
//
// 1. Name by name the operator's file wins over the shipped one. A more particular name wins over a less particular one, whoever
//    wrote it.
// 2. A file that is there and cannot be read is an error: passing over it would give a machine another file than was meant.

import { fileURLToPath } from 'node:url';
import { isTemplateName } from './names.ts';

/** A text as a directory has it. */
export type FoundText =
  | { readonly ok: true; readonly path: string; readonly text: string }
  | { readonly ok: false; readonly path: string; readonly reason: string };

/** A directory of texts, read as they are at that moment. */
export interface TextSource {
  /** Undefined: there is no file of that name. */
  find(name: string): FoundText | undefined;
  /** The names of its files; none when it does not exist. */
  list(): readonly string[];
}

/** One template of a listing. */
export interface TemplateEntry {
  readonly name: string;
  readonly origin: 'yours' | 'shipped';
  /** True for a shipped one that a file of yours takes the place of. */
  readonly isReplaced: boolean;
}

/** The directory of the templates that are shipped. */
export const SHIPPED_DIRECTORY: string = fileURLToPath(new URL('./templates/', import.meta.url));

/** The operator's directory over the shipped one. */
export class TemplateSource {
  readonly #own: TextSource;
  readonly #shipped: TextSource;

  constructor(own: TextSource, shipped: TextSource) {
    this.#own = own;
    this.#shipped = shipped;
  }

  /** The text of that name; undefined: nobody has one, or it is no name. */
  find(name: string): FoundText | undefined {
    return isTemplateName(name) ? (this.#own.find(name) ?? this.#shipped.find(name)) : undefined;
  }

  /** All of them, by name. */
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
