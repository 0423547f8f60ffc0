// The control socket's answer about the configuration in force, for `rackboot config` and `rackboot check --diff`.

import type { Configuration } from '../rack/configuration.ts';

/** The path and its handler. */
export function configurationAnswers(
  configuration: Configuration,
  uuid: () => string,
): Readonly<Record<string, () => unknown>> {
  return {
    '/config': () => {
      const { file, stored } = configuration.usable;
      const { path, refused } = configuration;
      return { uuid: uuid(), file: path, values: file.values, stored, refused: refused ?? null };
    },
  };
}
