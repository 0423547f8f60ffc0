// The text of an operator's script. Its first line names the interpreter; a comment may give its name, time limit and purpose.
//
//   #!/bin/sh
//   # --- Start MAAS 1.0 script metadata ---
//   # name: burn-in
//   # title: Burn-in of memory
//   # script_type: testing
//   # timeout: 01:00:00
//   # --- End MAAS 1.0 script metadata ---
//
// Source: the metadata of MAAS's commissioning and testing scripts. Metadata that would change the run but is not supported here is refused
// by name rather than ignored.
//
// 1. For any text, the result is within the bounds below, or a list of problems.

import type { ScriptKind } from '../records/script-store.ts';
import { cleanNote, cleanWords } from '../records/text-json.ts';
import { type RefusalWord, refusal } from '../words/refusal.ts';
import { BUILTIN_NAMES } from './script-run.ts';

export const SCRIPT_BYTES_MAX = 256 * 1024;
/** Scripts of one region. */
export const SCRIPTS_MAX = 100;
export const TIMEOUT_SECONDS_DEFAULT = 600;
const TIMEOUT_SECONDS_MAX = 24 * 3600;
export const POSITION_DEFAULT = 50;
const TITLE_MAX = 128;
const DESCRIPTION_MAX = 1024;
const HEADER_LINES_MAX = 200;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Words used in URL paths, which cannot be names. */
const RESERVED = /^(?:current-\w+|none|all)$/;

const START = /^#\s*-+\s*start maas 1\.0 script metadata\s*-+\s*$/i;
const END = /^#\s*-+\s*end maas 1\.0 script metadata\s*-+\s*$/i;
/** Unsupported metadata that would change a run. */
const UNSUPPORTED = ['packages', 'parameters', 'may_reboot', 'for_hardware', 'apply_configured_networking'] as const;

/** A script's text with a person's values for its properties; missing ones are taken from the text. */
interface ScriptRequest {
  readonly content: string;
  readonly name?: string | undefined;
  readonly kind?: ScriptKind | undefined;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly position?: number | undefined;
}

/** A valid script, or its problems by field. */
type ParsedScript =
  | {
      readonly kind: 'script';
      readonly script: {
        readonly name: string;
        readonly kind: ScriptKind;
        readonly title: string;
        readonly description: string;
        readonly timeoutSeconds: number;
        readonly position: number;
        readonly content: string;
      };
    }
  | { readonly kind: 'fault'; readonly problems: Readonly<Record<string, readonly RefusalWord[]>> };

/** Checks a script, and takes missing properties from its comment. */
export function parseScript(request: ScriptRequest): ParsedScript {
  const problems: Record<string, RefusalWord[]> = {};
  const complain = (field: string, word: RefusalWord): void => {
    problems[field] ??= [];
    problems[field].push(word);
  };
  const content = request.content.replace(/\r\n/g, '\n');
  const contentProblem = problemOf(content);
  if (contentProblem !== undefined) complain('script', contentProblem);
  const header = contentProblem === undefined ? headerOf(content) : new Map<string, string>();
  for (const key of UNSUPPORTED) {
    const value = header.get(key);
    if (value !== undefined && !/^(?:|false|no|\{\}|\[\])$/i.test(value)) {
      complain('script', refusal('field.script-unsupported', { key }));
    }
  }
  const name = request.name ?? header.get('name') ?? '';
  const nameProblem = nameProblemOf(name);
  if (nameProblem !== undefined) complain('name', nameProblem);
  const kind = request.kind ?? parseKind(header.get('script_type') ?? header.get('type') ?? 'commissioning');
  if (kind === undefined) complain('type', refusal('field.script-type'));
  const timeoutSeconds = request.timeoutSeconds ?? parseTimeout(header.get('timeout') ?? '');
  if (timeoutSeconds === undefined || timeoutSeconds > TIMEOUT_SECONDS_MAX) {
    complain('timeout', refusal('field.script-time-limit', { max: TIMEOUT_SECONDS_MAX }));
  }
  const position = request.position ?? POSITION_DEFAULT;
  if (kind === undefined || timeoutSeconds === undefined || Object.keys(problems).length > 0) {
    return { kind: 'fault', problems };
  }
  const title = cleanWords(request.title ?? header.get('title') ?? '', TITLE_MAX);
  const description = cleanNote(request.description ?? header.get('description') ?? '', DESCRIPTION_MAX);
  return { kind: 'script', script: { name, kind, title, description, timeoutSeconds, position, content } };
}

/** Why a text cannot be run as a script; `undefined` if it can. */
function problemOf(content: string): RefusalWord | undefined {
  const bytes = Buffer.byteLength(content);
  if (bytes === 0) return refusal('field.script-empty');
  if (bytes > SCRIPT_BYTES_MAX) return refusal('field.script-long', { bytes, max: SCRIPT_BYTES_MAX });
  if (/[\u0000\ufffd]/.test(content)) return refusal('field.script-binary');
  return /^#! ?\/[\x21-\x7e]/.test(content) ? undefined : refusal('field.script-interpreter');
}

function nameProblemOf(name: string): RefusalWord | undefined {
  if (!NAME.test(name)) return refusal('field.script-name');
  if (BUILTIN_NAMES.has(name) || RESERVED.test(name)) return refusal('field.script-name-reserved', { name });
  // A number is a result's id.
  return /^\d+$/.test(name) ? refusal('field.script-name-digits') : undefined;
}

/** The metadata in the comment, keyed by lower-case name; empty without such a comment. */
function headerOf(content: string): ReadonlyMap<string, string> {
  const lines = content.split('\n', HEADER_LINES_MAX);
  const start = lines.findIndex((line) => START.test(line));
  const values = new Map<string, string>();
  if (start === -1) return values;
  for (const line of lines.slice(start + 1)) {
    if (END.test(line)) break;
    const pair = /^#\s?([A-Za-z_]+)\s*:\s*(.*?)\s*$/.exec(line);
    const [, key, value] = pair ?? [];
    if (key !== undefined && value !== undefined) values.set(key.toLowerCase(), unquoted(value));
  }
  return values;
}

const unquoted = (value: string): string => /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;

/** Parses a script's kind, by name or MAAS's number; `undefined` for neither. */
export function parseKind(text: string): ScriptKind | undefined {
  const word = text.trim().toLowerCase();
  if (word === '0' || word === 'commission' || word === 'commissioning') return 'commissioning';
  return word === '2' || word === 'test' || word === 'testing' ? 'testing' : undefined;
}

/**
 * Parses a time limit such as `90`, `90s`, `10m`, `2h` or `01:30:00`, in seconds. The empty text gives the default; 0, which means
 * "unlimited", gives the maximum. `undefined` if it is malformed.
 */
export function parseTimeout(text: string): number | undefined {
  const given = text.trim();
  if (given === '') return TIMEOUT_SECONDS_DEFAULT;
  const clock = /^(?:(\d{1,3}):)?(\d{1,3}):(\d{2})$/.exec(given);
  const plain = /^(\d{1,6})([smh]?)$/.exec(given);
  const seconds =
    clock !== null
      ? Number(clock[1] ?? 0) * 3600 + Number(clock[2]) * 60 + Number(clock[3])
      : plain !== null
        ? Number(plain[1]) * (plain[2] === 'h' ? 3600 : plain[2] === 'm' ? 60 : 1)
        : undefined;
  return seconds === 0 ? TIMEOUT_SECONDS_MAX : seconds;
}
