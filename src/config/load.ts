// Reads a configuration: parses the file's YAML, adds the region's store, checks each value, then all values together. It reports all
// problems at once, each with its path, and with its line or the store that owns it.

import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { fileFault } from '../files/read-fault.ts';
import { readRegularFile, UnfitFile } from '../files/regular-file.ts';
import {
  INTERFACES_KEY,
  interfacesOf,
  NO_SETTINGS,
  nameOf,
  parseSettings,
  type Settings,
} from '../machines/settings.ts';
import { faultText, OWN_WORDS } from './fault-words.ts';
import { isSecretKey } from './keys.ts';
import { type MergedSettings, mergeSettings } from './merge.ts';
import type { ConfigProblem, RackConfig } from './rack-config.ts';
import { type ProblemPath, resolveConfig } from './resolve.ts';
import { salvage } from './salvage.ts';
import { unknownKeyText } from './sibling-keys.ts';
import { type WrittenConfig, writtenConfigSchema } from './written.ts';

/** The largest configuration file, in bytes. */
const CONFIG_BYTES_MAX = 8 * 1024 * 1024;
/** How many problems are listed at most. */
const PROBLEMS_MAX = 100;

/** A parsed configuration file; its values are not checked yet. */
export interface ConfigFile {
  readonly values: Settings;
  /** The line of a value, or of the nearest existing one above it; from 1. */
  readonly lineOf: (path: ProblemPath) => number | undefined;
}

export type ReadConfigFile =
  | { readonly ok: true; readonly file: ConfigFile }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** A configuration that can be served, in all its forms. */
export interface UsableConfig {
  readonly config: RackConfig;
  /** Each value parsed, defaults filled in. */
  readonly written: WrittenConfig;
  /** File and store together, as written, without defaults. */
  readonly merged: Settings;
  readonly file: ConfigFile;
  /** The store's values; those that the file pins are not in force. */
  readonly stored: Settings;
}

export type ParsedConfig =
  | ({ readonly ok: true } & UsableConfig)
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Parses the text of a configuration file and merges it with the store's values. */
export function parseConfig(text: string, stored: Settings = NO_SETTINGS): ParsedConfig {
  const read = readConfigFile(text);
  return read.ok ? resolveFile(read.file, stored) : read;
}

/** Reads the text of a configuration file as YAML. */
export function readConfigFile(text: string): ReadConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = document.errors.slice(0, PROBLEMS_MAX).map(
    (error): ConfigProblem => ({
      path: '',
      line: lines.linePos(error.pos[0]).line,
      message: `not valid YAML: ${(error.code === 'DUPLICATE_KEY' ? duplicateText(document, lines, error.pos[0]) : undefined) ?? error.message}`,
    }),
  );
  if (problems.length > 0) return { ok: false, problems };
  const lineOf = (path: ProblemPath): number | undefined => {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const node = document.getIn(path.slice(0, depth), true);
      if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
        return lines.linePos(Number(node.range[0])).line;
      }
    }
    return undefined;
  };
  const refuse = (message: string): ReadConfigFile => ({
    ok: false,
    problems: [{ path: '', line: undefined, message }],
  });
  try {
    const parsed = parseSettings(document.toJS({ maxAliasCount: 100 }) ?? {});
    return parsed.ok ? { ok: true, file: { values: parsed.settings, lineOf } } : refuse(parsed.reason);
  } catch (error) {
    return refuse(`not usable YAML: ${errorText(error)}`);
  }
}

/** Which key appears twice in one map, and where. @param second offset of the second one */
function duplicateText(document: Document.Parsed, lines: LineCounter, second: number): string | undefined {
  let found: string | undefined;
  visit(document, {
    Map(_key, { items }) {
      const keys = items.flatMap(({ key }) =>
        isScalar(key) ? [{ name: String(key.value), at: key.range?.[0] ?? 0 }] : [],
      );
      const later = keys.find(({ at }) => at === second);
      const first = keys.find(({ name }) => name === later?.name);
      if (later === undefined || first === undefined) return undefined;
      const [one, other] = [first.at, later.at].map((at) => lines.linePos(at).line);
      found = `the key ${later.name} appears twice, in lines ${one} and ${other}; remove one of them`;
      return visit.BREAK;
    },
  });
  return found;
}

/** Checks a file and the store together. */
export function resolveFile(file: ConfigFile, stored: Settings): ParsedConfig {
  const merge = mergeSettings(file.values, stored);
  const problems: ConfigProblem[] = [];
  const report = (path: ProblemPath, message: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(problemAt(path, message, merge, file));
  };
  for (const key of merge.notOwnable.slice(0, PROBLEMS_MAX)) {
    problems.push({ path: key, line: undefined, owner: 'store', message: 'only the configuration file may own this' });
  }
  const { merged } = merge;
  const written = writtenConfigSchema.safeParse(merged, OWN_WORDS);
  if (!written.success) {
    for (const issue of written.error.issues) {
      const path = issue.path.filter((part) => typeof part !== 'symbol');
      if (issue.code === 'unrecognized_keys')
        for (const key of issue.keys) report([...path, key], unknownKeyText(writtenConfigSchema, path, key));
      else report(path, faultText(issue, isSecretKey(formatPath(path))));
    }
    const rest = salvage(structuredClone(merged));
    if (rest !== undefined)
      resolveConfig(
        rest.written,
        (path, message) => rest.isTouched(path) || report(path, message),
        merge.fileInterfaces,
      );
    return { ok: false, problems: inFileOrder(problems) };
  }
  const config = resolveConfig(written.data, report, merge.fileInterfaces);
  return problems.length === 0
    ? { ok: true, config, written: written.data, merged, file, stored }
    : { ok: false, problems: inFileOrder(problems) };
}

/** A problem at a path of the merged configuration, at the place where its owner would look for it. */
function problemAt(path: ProblemPath, message: string, merge: MergedSettings, file: ConfigFile): ConfigProblem {
  const [first, second, ...rest] = path;
  if (first === INTERFACES_KEY && typeof second === 'number' && second >= merge.fileInterfaces) {
    const name = nameOf(interfacesOf(merge.merged)[second] ?? null);
    return { path: formatPath([INTERFACES_KEY, name, ...rest]), line: undefined, owner: 'store', message };
  }
  const isStored = path.some((_part, depth) => merge.fromStore.has(path.slice(0, depth + 1).join('.')));
  if (isStored) return { path: formatPath(path), line: undefined, owner: 'store', message };
  return { path: formatPath(path), line: file.lineOf(path), message };
}

/** Sorts by line; problems of the whole file come first. */
function inFileOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/**
 * Reads a configuration file and merges it with the store's values. If they do not fit together, it uses the file alone, and `refused`
 * says why.
 *
 * @param stored returns the store's values known in this state directory
 * @throws RackError `config-unreadable`, `config-invalid` if the file alone cannot be served either
 */
export function loadFitting(
  path: string,
  stored: (stateDir: string) => Settings | undefined,
): { readonly usable: UsableConfig; readonly wanted: Settings; readonly refused: string | undefined } {
  const read = readConfigFile(readConfigText(path));
  if (!read.ok) throw new RackError('config-invalid', formatProblems(path, read.problems));
  const wanted = stored(stateDirOf(read.file.values)) ?? NO_SETTINGS;
  const merged = resolveFile(read.file, wanted);
  if (merged.ok) return { usable: merged, wanted, refused: undefined };
  const alone = resolveFile(read.file, NO_SETTINGS);
  if (!alone.ok) throw new RackError('config-invalid', formatProblems(path, alone.problems));
  return { usable: alone, wanted, refused: formatProblems(path, merged.problems) };
}

/**
 * The state directory of a configuration file, where its daemon also answers. The rest of the file may be invalid: a running daemon keeps
 * the last good one in force and still answers.
 *
 * @throws RackError `config-unreadable`, `config-invalid` if the file is not YAML
 */
export function loadPlace(path: string): { readonly stateDir: string } {
  const read = readConfigFile(readConfigText(path));
  if (!read.ok) throw new RackError('config-invalid', formatProblems(path, read.problems));
  return { stateDir: stateDirOf(read.file.values) };
}

/** True if the configuration file has a remote region; the rest of the file may be invalid. */
export function isRegionElsewhere(path: string): boolean {
  const read = readConfigFile(readConfigText(path));
  const parsed = read.ok ? writtenConfigSchema.shape.region.safeParse(read.file.values.region) : undefined;
  return parsed?.success === true && parsed.data.mode === 'remote';
}

function stateDirOf(values: Settings): string {
  const { state_dir: schema } = writtenConfigSchema.shape;
  const parsed = schema.safeParse(values.state_dir);
  return parsed.success ? parsed.data : schema.parse(undefined);
}

const MAKE_ONE = '`rackboot init` makes one; --config or RACKBOOT_CONFIG names another';

/** True for the file of an ended lab, which RACKBOOT_CONFIG still names in this shell. */
const isEndedLab = (path: string): boolean =>
  process.env.RACKBOOT_CONFIG === path && /\/rackboot-lab-[^/]+\/[^/]+$/.test(path);

/** @throws RackError `config-unreadable` */
export function readConfigText(path: string): string {
  try {
    return readRegularFile(path, CONFIG_BYTES_MAX);
  } catch (error) {
    if (error instanceof UnfitFile) {
      throw new RackError(
        'config-unreadable',
        `${path} cannot be the configuration: ${error.message}; name another with --config`,
        {
          cause: error,
        },
      );
    }
    const text =
      osErrorCode(error) === 'ENOENT'
        ? `there is no configuration ${path}: ${isEndedLab(path) ? 'that lab has ended; run: unset RACKBOOT_CONFIG' : MAKE_ONE}`
        : `cannot read the configuration: ${fileFault(path, error).message}`;
    throw new RackError('config-unreadable', text, { cause: error });
  }
}

/** One line for each problem: file and line, or the store; path, message. */
export function formatProblems(file: string, problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ path, line, owner, message }) => {
      const place = owner === 'store' ? "the region's store" : `${file}${line === undefined ? '' : `:${line}`}`;
      return `${place}: ${path === '' ? '' : `${path}: `}${message}`;
    })
    .join('\n');
}

/** A path in messages: `cluster_interfaces[0].ip_range_low`. */
function formatPath(path: ProblemPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}
