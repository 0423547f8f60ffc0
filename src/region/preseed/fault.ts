// What is wrong with a template, and where: thrown inside the engine, and turned into a value where it is left.
//
// 1. It never leaves the engine as an exception; anything else that is thrown there is our own bug.

/** A mistake in a template, or a value that does not fit where it stands. */
export class TemplateFault extends Error {
  /** The template's name, as it was looked for. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** What is wrong, and what would be right. */
  readonly reason: string;
  constructor(file: string, line: number, reason: string) {
    super(`${file}:${line}: ${reason}`);
    this.file = file;
    this.line = line;
    this.reason = reason;
  }
}

/** Where in a template something stands. */
export interface TemplatePlace {
  readonly file: string;
  readonly line: number;
}

/** Stops a rendering. @throws TemplateFault */
export function failAt(place: TemplatePlace, reason: string): never {
  throw new TemplateFault(place.file, place.line, reason);
}

const SHOWN_MAX = 60;

/** A value for a message: shortened, and without a line break. */
export function shown(text: string): string {
  const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  return JSON.stringify(cut);
}

/** The names that there are, for a message. */
export const listed = (names: Iterable<string>): string => [...names].sort().join(', ');
