// The configuration file as written: its text, its YAML, and the state directory that it names.
// Most commands need nothing else, so this module loads none of the schemas of the values.

import { readFileSync } from 'node:fs';
import { toFileFault } from '../files/read-fault.ts';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { findValueLine, parseYamlDocument } from '../ground/yaml-parser.ts';
import { parseSettings, type Settings } from '../machines/settings.ts';
import { type ConfigProblem, PROBLEMS_MAX } from './rack-config.ts';
import type { ProblemPath } from './resolve.ts';
import { chooseStateDir } from './state-dir.ts';

/** A parsed configuration file; its values are not checked yet. */
export interface ConfigFile {
  readonly values: Settings;
  /** The line of a value, or of the nearest existing one above it; from 1. */
  readonly findLine: (path: ProblemPath) => number | undefined;
}

type ReadConfigFile =
  | { readonly ok: true; readonly file: ConfigFile }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Reads the text of a configuration file as YAML. */
export function readConfigFile(text: string): ReadConfigFile {
  const { document, lines, faults } = parseYamlDocument(text);
  const problems = faults
    .slice(0, PROBLEMS_MAX)
    .map(({ line, message }): ConfigProblem => ({ path: '', line, message: `not valid YAML: ${message}` }));
  if (problems.length > 0) return { ok: false, problems };
  const findLine = (path: ProblemPath): number | undefined => findValueLine({ document, lines }, path);
  const refuse = (message: string): ReadConfigFile => ({
    ok: false,
    problems: [{ path: '', line: undefined, message }],
  });
  try {
    const parsed = parseSettings(document.toJS({ maxAliasCount: 100 }) ?? {});
    return parsed.ok ? { ok: true, file: { values: parsed.settings, findLine } } : refuse(parsed.problem);
  } catch (error) {
    return refuse(`not usable YAML: ${errorText(error)}`);
  }
}

/** Files whose problem this process has already reported. */
const reportedFiles = new Set<string>();

/**
 * The state directory of a configuration file, where its daemon also answers. The file may be
 * invalid: a running daemon keeps the last valid configuration. A file that is not even YAML is
 * reported on standard error.
 * @param isReported true if the caller reports the problem
 * @throws RackError `config-unreadable`
 */
export function loadStateDir(path: string, isReported = false): { readonly stateDir: string } {
  const text = readConfigText(path);
  const readResult = readConfigFile(text);
  if (readResult.ok) return { stateDir: chooseStateDir(readResult.file.values) };
  if (!isReported && !reportedFiles.has(path)) {
    reportedFiles.add(path);
    const problems = formatProblems(path, readResult.problems);
    console.error(`rackboot: ${problems}\nThis file is refused. A running Rackboot keeps its former configuration.`);
  }
  return { stateDir: chooseStateDir({ state_dir: /^state_dir:\s*["']?(\/[^\s"'#]*)/m.exec(text)?.[1] ?? '' }) };
}

/**
 * The remedy for a missing file: `init` makes a configuration only for a rack, not for a region
 * apart from its racks.
 */
const composeMissingRemedy = (owner: 'rack' | 'region'): string => {
  const ownerText = owner === 'region' ? 'docs/outgrowing.md shows one for a region' : '`sudo rackboot init` makes one';
  return `${ownerText}; --config or RACKBOOT_CONFIG names another`;
};

/** True for the file of an ended lab, which RACKBOOT_CONFIG still names in this shell. */
const isEndedLab = (path: string): boolean =>
  process.env.RACKBOOT_CONFIG === path && /\/rackboot-lab-[^/]+\/[^/]+$/.test(path);

/**
 * @param owner whose file the command expects. Commands for both decide by the file's usual name
 * @throws RackError `config-unreadable`
 */
export function readConfigText(
  path: string,
  owner: 'rack' | 'region' = path.endsWith('/region.yaml') ? 'region' : 'rack',
): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const text =
      osErrorCode(error) === 'ENOENT'
        ? `there is no configuration ${path}: ${isEndedLab(path) ? 'that lab has ended; run: unset RACKBOOT_CONFIG' : composeMissingRemedy(owner)}`
        : `cannot read the configuration: ${toFileFault(path, error).message}`;
    throw new RackError('config-unreadable', text, { cause: error });
  }
}

/** One line for each problem: the file and line, or the store; then path and message. */
export function formatProblems(file: string, problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ path, line, owner, message }) => {
      const location = owner === 'store' ? "the region's store" : `${file}${line === undefined ? '' : `:${line}`}`;
      return `${location}: ${path === '' ? '' : `${path}: `}${message}`;
    })
    .join('\n');
}
