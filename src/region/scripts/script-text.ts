// The text of an operator's script. Its first line names the interpreter; a comment may give its
// name, time limit and purpose.
//
//   #!/bin/sh
//   # --- Start MAAS 1.0 script metadata ---
//   # name: burn-in
//   # title: Burn-in of memory
//   # script_type: testing
//   # timeout: 01:00:00
//   # tags: [slow, heat]
//   # --- End MAAS 1.0 script metadata ---
//
// Source: the metadata of MAAS's commissioning and testing scripts, which is YAML. Metadata that
// would change the run but is not supported here is refused by name rather than ignored; so is a
// value of several lines that is not a list.
//
// 1. For any text, the result is within the bounds below, or a list of problems.
// 2. Of several values of a property, a person's counts, then that of a new text, then the one before.

import { counted } from '../../ground/counted.ts';
import { fieldRefusal, type RefusalWord, TRUE_OR_FALSE } from '../records/refusal.ts';
import {
  NO_MARKS,
  SCRIPT_HARDWARE,
  SCRIPT_PARALLEL,
  type ScriptHardware,
  type ScriptKind,
  type ScriptMarks,
  type ScriptParallel,
  type WrittenScript,
} from '../records/script-store.ts';
import { cleanNote, cleanWords } from '../records/text-json.ts';
import { BUILTIN_NAMES } from './script-run.ts';

export const SCRIPT_BYTES_MAX = 256 * 1024;
export const SCRIPTS_MAX = 100;
export const TIMEOUT_SECONDS_DEFAULT = 600;
const TIMEOUT_SECONDS_MAX = 24 * 3600;
export const POSITION_DEFAULT = 50;
const TITLE_MAX = 128;
const DESCRIPTION_MAX = 1024;
const HEADER_LINES_MAX = 200;
export const SCRIPT_TAGS_MAX = 64;
/** A tag of a script: letters, digits, `_`, `.` and `-`. The word `none` chooses no script. */
export const SCRIPT_TAG = /^(?!none$)[A-Za-z0-9_.-]{1,64}$/;
/**
 * The interpreters of the environment in which scripts run, all of BusyBox; the agent runs those
 * for dash with its sh.
 */
const INTERPRETERS: ReadonlySet<string> = new Set(['sh', 'ash', 'dash', 'awk', 'sed', 'busybox']);
const NAME_SHOWN_MAX = 64;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Words used in URL paths, which cannot be names. */
const RESERVED = /^(?:current-\w+|none|all)$/;

const START = /^#\s*-+\s*start maas 1\.0 script metadata\s*-+\s*$/i;
const END = /^#\s*-+\s*end maas 1\.0 script metadata\s*-+\s*$/i;
/** Unsupported metadata that would change a run. */
const UNSUPPORTED = {
  packages: 'no packages are installed for a script: it can use only busybox',
  parameters: 'a script takes no parameters: write the values into it',
  may_reboot: 'a script may not restart its machine',
  for_hardware: 'choose the machines when you start the run',
  recommission: 'a script does not repeat the commissioning: commission the machine again',
  apply_configured_networking: "a script uses the boot's network",
} as const;
/**
 * The words of MAAS for the kinds of hardware and for scripts that may run at the same time, other
 * than their own names and numbers.
 */
const HARDWARE_WORDS = new Map<string, ScriptHardware>([
  ...(['', 'machine', 'controller', 'other', 'generic'] as const).map((word) => [word, 'node'] as const),
  ...(['disk', 'ssd'] as const).map((word) => [word, 'storage'] as const),
  ...(['net', 'interface'] as const).map((word) => [word, 'network'] as const),
  ['processor', 'cpu'],
  ['ram', 'memory'],
]);
const PARALLEL_WORDS = new Map<string, ScriptParallel>([
  ...(['', 'false', 'none'] as const).map((word) => [word, 'disabled'] as const),
  ['name', 'instance'],
  ['enabled', 'any'],
]);

type GivenMarks = { readonly [Name in keyof ScriptMarks]?: ScriptMarks[Name] | undefined };

interface ScriptRequest extends GivenMarks {
  readonly content: string | undefined;
  readonly before?: WrittenScript | undefined;
  readonly name?: string | undefined;
  readonly kind?: ScriptKind | undefined;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly position?: number | undefined;
}

type ParsedScript =
  | {
      readonly kind: 'script';
      readonly script: Omit<WrittenScript, 'changedMs'>;
    }
  | { readonly kind: 'fault'; readonly problems: Readonly<Record<string, readonly RefusalWord[]>> };

type Complain = (field: string, word: RefusalWord) => void;

export const SCRIPT_TYPE_FORM = 'Give commissioning (0) or testing (2).';

export function parseScript(request: ScriptRequest): ParsedScript {
  const problems: Record<string, RefusalWord[]> = {};
  const complain: Complain = (field, word) => {
    problems[field] ??= [];
    problems[field].push(word);
  };
  const { before } = request;
  const content = request.content?.replace(/\r\n/g, '\n') ?? before?.content ?? '';
  const contentProblem = findContentProblem(content);
  if (contentProblem !== undefined) complain('script', contentProblem);
  // The metadata of a text that was there already has been judged, and people may have changed its
  // values since.
  const isNew = contentProblem === undefined && (request.content !== undefined || before === undefined);
  const header = isNew ? parseScriptHeader(content) : NO_METADATA;
  for (const [key, why] of Object.entries(UNSUPPORTED)) {
    if (!/^(?:|false|no|off|0|null|~|\{\}|\[\])$/i.test(header.word(key) ?? ''))
      complain('script', fieldRefusal(`${key}: ${why}.`));
  }
  const name = request.name ?? before?.name ?? header.word('name') ?? '';
  const nameProblem = findNameProblem(name);
  if (nameProblem !== undefined) complain('name', nameProblem);
  const kindWord = header.word('script_type') ?? header.word('type');
  const kind = request.kind ?? (kindWord === undefined ? (before?.kind ?? 'commissioning') : parseKind(kindWord));
  if (kind === undefined) complain('type', fieldRefusal(SCRIPT_TYPE_FORM));
  const time = header.word('timeout');
  const timeoutSeconds =
    request.timeoutSeconds ?? (time === undefined ? before?.timeoutSeconds : undefined) ?? parseTimeout(time ?? '');
  if (timeoutSeconds === undefined || timeoutSeconds > TIMEOUT_SECONDS_MAX) {
    complain(
      'timeout',
      fieldRefusal(`Give seconds up to ${TIMEOUT_SECONDS_MAX}, or hours, minutes and seconds as 01:30:00.`),
    );
  }
  const position = request.position ?? before?.position ?? POSITION_DEFAULT;
  const marks = parseMarks(request, header, complain);
  if (kind === undefined || timeoutSeconds === undefined || Object.keys(problems).length > 0) {
    return { kind: 'fault', problems };
  }
  const title = cleanWords(request.title ?? header.text('title') ?? before?.title ?? '', TITLE_MAX);
  const description = request.description ?? header.text('description') ?? before?.description ?? '';
  const texts = { title, description: cleanNote(description, DESCRIPTION_MAX) };
  return { kind: 'script', script: { ...marks, ...texts, name, kind, timeoutSeconds, position, content } };
}

export const scriptTagText = (tag: string): string =>
  `${tag || 'An empty text'} cannot be a tag: give at most 64 letters, digits, dots, dashes and underscores, and not the word none.`;

export const SCRIPT_TAGS_LIMIT = `A script has at most ${SCRIPT_TAGS_MAX} tags.`;

function parseMarks(request: ScriptRequest, header: Metadata, complain: Complain): ScriptMarks {
  const { tags: before, hardware, parallel, isDestructive } = request.before ?? NO_MARKS;
  const tags = [...new Set(request.tags ?? header.list('tags') ?? before)];
  const strange = tags.find((tag) => !SCRIPT_TAG.test(tag));
  if (strange !== undefined) complain('tags', fieldRefusal(scriptTagText(cleanWords(strange, 80))));
  if (tags.length > SCRIPT_TAGS_MAX) complain('tags', fieldRefusal(SCRIPT_TAGS_LIMIT));
  function choose<T>(field: string, explicit: T | undefined, parse: (word: string) => T | undefined, otherwise: T): T {
    const word = explicit === undefined ? header.word(field) : undefined;
    const parsed = word === undefined ? (explicit ?? otherwise) : parse(word);
    if (parsed === undefined) complain(field, fieldRefusal(MARK_FAULTS[field] ?? TRUE_OR_FALSE));
    return parsed ?? otherwise;
  }
  return {
    tags,
    hardware: choose('hardware_type', request.hardware, parseHardware, hardware),
    parallel: choose('parallel', request.parallel, parseParallel, parallel),
    isDestructive: choose('destructive', request.isDestructive, parseFlag, isDestructive),
  };
}

export const HARDWARE_FORM = 'Give node, cpu, memory, storage, network or gpu, or a number from 0 to 5.';

export const PARALLEL_FORM = 'Give disabled, instance or any, or a number from 0 to 2.';

const MARK_FAULTS: Readonly<Record<string, string>> = {
  hardware_type: HARDWARE_FORM,
  parallel: PARALLEL_FORM,
};

function findContentProblem(content: string): RefusalWord | undefined {
  const bytes = Buffer.byteLength(content);
  if (bytes === 0) return fieldRefusal('The script is empty.');
  if (bytes > SCRIPT_BYTES_MAX)
    return fieldRefusal(`The script has ${counted(bytes, 'byte')}; the maximum is ${SCRIPT_BYTES_MAX}.`);
  if (/[\u0000\ufffd]/.test(content))
    return fieldRefusal('This is not UTF-8 text: give a script, not a binary program.');
  if (!/^#! ?\/[\x21-\x7e]/.test(content))
    return fieldRefusal(
      'The first line must name an interpreter: #!/bin/sh. Machines have only sh and awk, from busybox.',
    );
  const interpreter = parseInterpreter(content);
  if (INTERPRETERS.has(interpreter)) return undefined;
  return fieldRefusal(
    `Machines have no ${cleanWords(interpreter, NAME_SHOWN_MAX)}: write the script for sh or awk of busybox, with #!/bin/sh as its first line.`,
  );
}

/**
 * The program that runs the script, without its path: `awk` of `#!/usr/bin/env awk`. The agent
 * finds it by this name.
 */
function parseInterpreter(content: string): string {
  const [first = '', second = ''] = (/^#!(.*)$/m.exec(content)?.[1] ?? '').trim().split(/\s+/);
  const program = first.split('/').at(-1) ?? '';
  return program === 'env' ? second : program;
}

function findNameProblem(name: string): RefusalWord | undefined {
  if (!NAME.test(name))
    return fieldRefusal(
      'Give a name of at most 64 letters, digits, dots, dashes and underscores that begins with a letter or digit.',
    );
  if (BUILTIN_NAMES.has(name) || RESERVED.test(name))
    return fieldRefusal(`Rackboot reserves the name ${name}: choose another.`);
  // A number is a result's id.
  return /^\d+$/.test(name) ? fieldRefusal('A name cannot be digits only.') : undefined;
}

interface Metadata {
  /** A value without YAML's comment: its lines in one. */
  readonly word: (key: string) => string | undefined;
  /** A value for people. */
  readonly text: (key: string) => string | undefined;
  readonly list: (key: string) => readonly string[] | undefined;
}
const NO_METADATA: Metadata = { word: () => undefined, text: () => undefined, list: () => undefined };

function parseScriptHeader(content: string): Metadata {
  const lines = content.split('\n', HEADER_LINES_MAX);
  const start = lines.findIndex((line) => START.test(line));
  if (start === -1) return NO_METADATA;
  const values = new Map<string, string[]>();
  let rows: string[] = [];
  let depthMax: number | undefined;
  for (const line of lines.slice(start + 1)) {
    if (END.test(line)) break;
    const [, space = '', key, value] = /^#(\s*)([A-Za-z_]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined && space.length <= (depthMax ?? space.length)) {
      depthMax ??= Math.max(1, space.length);
      rows = [value];
      values.set(key.toLowerCase(), rows);
    } else if (line.startsWith('#')) {
      // A line that begins no value continues the last one.
      const more = line.slice(1).trim();
      if (more !== '' && !more.startsWith('#')) rows.push(more);
    }
  }
  const bare = (key: string): readonly string[] | undefined => values.get(key)?.map(withoutComment).filter(Boolean);
  const joined = (parts: readonly string[] | undefined): string | undefined =>
    parts === undefined ? undefined : unquoted(parts.join(' '));
  return {
    word: (key) => joined(bare(key)),
    text: (key) =>
      joined(values.get(key)?.filter((row, index) => row !== '' && (index > 0 || !/^[>|][+-]?$/.test(row)))),
    list: (key) => {
      const parts = bare(key);
      return parts === undefined ? undefined : itemsIn(parts);
    },
  };
}

/** A comment of YAML begins with # at the start or after a space; a text in quotes may have both. */
const withoutComment = (row: string): string => (/^["']/.test(row) ? row : row.replace(/(?:^|\s)#.*$/, '').trimEnd());

const unquoted = (value: string): string => /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;

/**
 * The items of a list in YAML, or of words after commas. A list in another form is one item, which
 * is not a tag.
 */
function itemsIn(rows: readonly string[]): readonly string[] {
  if (rows.length > 0 && rows.every((row) => /^-(?:\s|$)/.test(row))) {
    return rows.map((row) => unquoted(row.slice(1).trim()));
  }
  const whole = rows.join(' ');
  const inner = /^\[(.*)\]$/.exec(whole)?.[1] ?? unquoted(whole);
  const items = inner.split(',').map((item) => unquoted(item.trim()));
  return items.filter((item, index) => item !== '' && !(index === 0 && /^(?:null|~)$/i.test(item)));
}

export function parseKind(text: string): ScriptKind | undefined {
  const word = text.trim().toLowerCase();
  if (word === '0' || word === 'commission' || word === 'commissioning') return 'commissioning';
  return word === '2' || word === 'test' || word === 'testing' ? 'testing' : undefined;
}

/** Parses a name or MAAS's number of one of `allowed`, or another word for it; `undefined` for neither. */
function parseWord<T extends string>(
  text: string,
  allowed: readonly T[],
  words: ReadonlyMap<string, T>,
): T | undefined {
  const word = text.trim().toLowerCase();
  return allowed.find((entry, index) => entry === word || String(index) === word) ?? words.get(word);
}

export const parseHardware = (text: string): ScriptHardware | undefined =>
  parseWord(text, SCRIPT_HARDWARE, HARDWARE_WORDS);

/** Parses which scripts may run at the same time, by name or MAAS's number; `undefined` for neither. */
export const parseParallel = (text: string): ScriptParallel | undefined =>
  parseWord(text, SCRIPT_PARALLEL, PARALLEL_WORDS);

const parseFlag = (text: string): boolean | undefined =>
  /^(?:true|yes|on|y|1)$/i.test(text) ? true : /^(?:|false|no|off|n|0|null|~)$/i.test(text) ? false : undefined;

/**
 * Parses a time limit such as `90`, `90s`, `10m`, `2h` or `01:30:00`, in seconds. The empty text
 * gives the default; 0, which means "unlimited", gives the maximum. `undefined` if it is malformed.
 */
export function parseTimeout(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return TIMEOUT_SECONDS_DEFAULT;
  const clock = /^(?:(\d{1,3}):)?(\d{1,3}):(\d{2})$/.exec(trimmed);
  const plain = /^(\d{1,6})([smh]?)$/.exec(trimmed);
  const seconds =
    clock !== null
      ? Number(clock[1] ?? 0) * 3600 + Number(clock[2]) * 60 + Number(clock[3])
      : plain !== null
        ? Number(plain[1]) * (plain[2] === 'h' ? 3600 : plain[2] === 'm' ? 60 : 1)
        : undefined;
  return seconds === 0 ? TIMEOUT_SECONDS_MAX : seconds;
}
