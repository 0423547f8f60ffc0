// Stops a rendering at a mistake in a template. It is thrown inside the engine and returned from it
// as a value.
//
// 1. It never leaves the engine as an exception; any other exception there is a bug of ours.

import type { Mistake, MistakeAt, MistakeCode, MistakeParams, ValueKind } from '../records/preseed-mistake.ts';
import { isList, isMapping, Markup, type Value } from './value.ts';

/** A mistake in a template, or a value that cannot be written in its place. */
export class TemplateFault extends Error {
  readonly at: MistakeAt;
  constructor(at: MistakeAt) {
    super(`${at.file}:${at.line}: ${at.mistake.code}`);
    this.at = at;
  }
}

export interface TemplatePlace {
  readonly file: string;
  readonly line: number;
}

function made(code: MistakeCode, params: object): Mistake;
function made(code: string, params: object): unknown {
  return { code, params };
}

export const mistake = <Code extends MistakeCode>(code: Code, params: MistakeParams[Code]): Mistake =>
  made(code, params);

export function failAt<Code extends MistakeCode>(
  { file, line }: TemplatePlace,
  code: Code,
  params: MistakeParams[Code],
): never {
  throw new TemplateFault({ file, line, mistake: mistake(code, params) });
}

const SHOWN_MAX = 60;

export function formatShownText(text: string): string {
  const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  return JSON.stringify(cut);
}

export const sortedNames = (names: Iterable<string>): readonly string[] => [...names].sort();

export function getValueKind(value: Value): ValueKind {
  if (isList(value)) return { kind: 'list' };
  if (isMapping(value)) return { kind: 'parts', parts: sortedNames(Object.keys(value)) };
  if (value === null) return { kind: 'nothing' };
  if (value instanceof Markup || typeof value === 'string') return { kind: 'text' };
  return { kind: typeof value === 'number' ? 'number' : 'boolean' };
}
