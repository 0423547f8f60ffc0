// A mistake in a template, and its position. It is thrown inside the engine and returned from it as a value.
//
// 1. It never leaves the engine as an exception; any other exception there is a bug of ours.

/** A mistake in a template, or a value that cannot be written in its place. */
export class TemplateFault extends Error {
  /** The template's file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The mistake and its remedy. */
  readonly reason: string;
  constructor(file: string, line: number, reason: string) {
    super(`${file}:${line}: ${reason}`);
    this.file = file;
    this.line = line;
    this.reason = reason;
  }
}

/** A position in a template. */
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

/** The existing names, for a message. */
export const listed = (names: Iterable<string>): string => [...names].sort().join(', ');
