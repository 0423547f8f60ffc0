// The problems of a configuration, each located where the value's owner would look for it. Racks
// and regions use the same form.

import type { z } from 'zod';
import { INTERFACES_KEY, interfaceName, listInterfaces } from '../machines/settings.ts';
import type { ConfigFile } from './config-file.ts';
import { describeIssue } from './fault-words.ts';
import { isSecretKey } from './keys.ts';
import type { MergedSettings } from './merge.ts';
import type { ConfigProblem } from './rack-config.ts';
import type { ProblemPath, ReportProblem } from './resolve.ts';
import { describeUnknownKey } from './sibling-keys.ts';

/** A kind of configuration file: a rack's, or that of a region apart from its racks. */
export interface FileKind {
  readonly schema: z.ZodType;
  /** The shipped file that shows every key. */
  readonly example: string;
  /** The remedy for a key that belongs in another kind of file; `undefined` if it does not. */
  readonly findElsewhereRemedy: (path: ProblemPath, key: string) => string | undefined;
}

/** Reports what a schema refuses, in the words of `fault-words.ts`. */
export function reportIssues(
  { schema, example, findElsewhereRemedy }: FileKind,
  error: z.ZodError,
  report: ReportProblem,
): void {
  for (const issue of error.issues) {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code !== 'unrecognized_keys') report(path, describeIssue(issue, isSecretKey(formatPath(path))));
    else
      for (const key of issue.keys)
        report([...path, key], findElsewhereRemedy(path, key) ?? describeUnknownKey(schema, path, key, example));
  }
}

/** Moves a problem from its path in the merged configuration to where the value's owner would look for it. */
export function locateProblem(
  path: ProblemPath,
  message: string,
  merge: MergedSettings,
  file: ConfigFile,
): ConfigProblem {
  const [section, index, ...remainingPath] = path;
  if (section === INTERFACES_KEY && typeof index === 'number' && index >= merge.fileInterfaceCount) {
    const name = interfaceName(listInterfaces(merge.merged)[index] ?? null);
    return { path: formatPath([INTERFACES_KEY, name, ...remainingPath]), line: undefined, owner: 'store', message };
  }
  const isStored = path.some((_part, depth) => merge.storeKeys.has(path.slice(0, depth + 1).join('.')));
  if (isStored) return { path: formatPath(path), line: undefined, owner: 'store', message };
  return { path: formatPath(path), line: file.findLine(path), message };
}

/** Sorts by line; problems of the whole file come first. */
export function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

function formatPath(path: ProblemPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}
