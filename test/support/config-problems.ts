// The problems of a configuration, as an operator reads them.

import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';

/** Empty: the configuration has none. */
export function problemsOf(text: string): string {
  const parsed = parseConfig(text);
  return parsed.ok ? '' : formatProblems('f', parsed.problems);
}
