// Options of every command that reads a configuration or prints a result; commands.ts defines them.

import { defaultRackConfig } from '../../control/default-config.ts';
import { RackError } from '../../errors.ts';

/** The options that many commands have. */
export interface SharedOptions {
  readonly config: { readonly type: 'string'; readonly default: string; readonly describe: string };
  readonly json: { readonly type: 'boolean'; readonly default: boolean; readonly describe: string };
}

/** The option for commands about a rack only: the default is never a region's file. */
export const ofRack = (config: SharedOptions['config']): SharedOptions['config'] => ({
  ...config,
  default: defaultRackConfig(),
});

/** The help text for an argument that names a machine. */
export const ANY_NAME = 'Its system id, hostname or hardware address';

/** The argument that names a machine. */
export const machine = { type: 'string', demandOption: true, describe: ANY_NAME } as const;

/** How many MiB a size with one of these units has. */
const MEBIBYTES: Readonly<Record<string, number>> = { M: 1, G: 1024, T: 1024 * 1024 };
const SIZE = /^(\d{1,6})\s?([MGT])(?:i?B)?$/i;

/**
 * An option or argument that takes a number.
 * @param name as a person types it @param unit what it counts; undefined: nothing
 */
export const numberNamed = (name: string, unit?: string) =>
  ({
    coerce(given: unknown): number {
      if (typeof given === 'number') return given;
      const [, size = '', letter = ''] = (unit === 'MiB' && SIZE.exec(String(given))) || [];
      const mebibytes = Number(size) * (MEBIBYTES[letter.toUpperCase()] ?? 0);
      const remedy = letter === '' ? '' : `: for ${size} ${letter.toUpperCase()}iB give ${mebibytes}`;
      throw new RackError(
        'bad-argument',
        `${name} ${String(given).slice(0, 64)} is not a number${unit === undefined ? '' : ` of ${unit}`}${remedy}`,
      );
    },
  }) as const;

/** The option that skips the confirmation. */
export const yes = {
  type: 'boolean',
  alias: 'y',
  default: false,
  describe: 'Do not ask for confirmation',
} as const;
