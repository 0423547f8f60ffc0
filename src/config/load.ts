// Reads a configuration file: YAML, then each value, then what they mean together. All problems are found in one go, each with
// its path and line.

import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { errorText, RackError } from '../errors.ts';
import type { ConfigProblem, RackConfig } from './rack-config.ts';
import { type ProblemPath, resolveConfig } from './resolve.ts';
import { salvage } from './salvage.ts';
import { writtenConfigSchema } from './written.ts';

/** The largest configuration file that is read, in bytes. */
const CONFIG_BYTES_MAX = 8 * 1024 * 1024;
/** More problems than this are not listed. */
const PROBLEMS_MAX = 100;

export type ParsedConfig =
  | { readonly ok: true; readonly config: RackConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Parses the text of a configuration file. */
export function parseConfig(text: string): ParsedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: ConfigProblem[] = [];
  for (const error of document.errors) {
    problems.push({ path: '', line: lines.linePos(error.pos[0]).line, message: `not valid YAML: ${error.message}` });
  }
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
  const report = (path: ProblemPath, message: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push({ path: formatPath(path), line: lineOf(path), message });
  };

  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return { ok: false, problems: [{ path: '', line: undefined, message: `not usable YAML: ${errorText(error)}` }] };
  }
  const written = writtenConfigSchema.safeParse(raw);
  if (!written.success) {
    for (const issue of written.error.issues) {
      const path = issue.path.filter((part) => typeof part !== 'symbol');
      if (issue.code === 'unrecognized_keys')
        for (const key of issue.keys) report([...path, key], 'unknown key; see config/rackboot.yaml for all keys');
      else report(path, issue.message);
    }
    const rest = salvage(raw);
    if (rest !== undefined)
      resolveConfig(rest.written, (path, message) => rest.isTouched(path) || report(path, message));
    return { ok: false, problems: inFileOrder(problems) };
  }
  const config = resolveConfig(written.data, report);
  return problems.length === 0 ? { ok: true, config } : { ok: false, problems: inFileOrder(problems) };
}

/** As a person meets them who reads from the top; what concerns the whole file comes first. */
function inFileOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/**
 * Reads and parses a configuration file.
 *
 * @throws RackError `config-unreadable` when it cannot be read, `config-invalid` with every problem in its message.
 */
export function loadConfig(path: string): RackConfig {
  const parsed = parseConfig(readConfigText(path));
  if (parsed.ok) return parsed.config;
  throw new RackError('config-invalid', formatProblems(path, parsed.problems));
}

/** @throws RackError `config-unreadable` */
export function readConfigText(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > CONFIG_BYTES_MAX) {
      throw new RackError(
        'config-unreadable',
        `${path} is larger than ${CONFIG_BYTES_MAX} bytes; is it the configuration?`,
      );
    }
    return text;
  } catch (error) {
    if (error instanceof RackError) throw error;
    throw new RackError(
      'config-unreadable',
      `cannot read the configuration ${path}: ${errorText(error)}; \`rackboot init\` makes one`,
      { cause: error },
    );
  }
}

/** One line for each problem: file, line, path, message. */
export function formatProblems(file: string, problems: readonly ConfigProblem[]): string {
  return problems
    .map(
      ({ path, line, message }) =>
        `${file}${line === undefined ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`,
    )
    .join('\n');
}

function formatPath(path: ProblemPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}
