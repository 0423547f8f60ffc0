// Options and arguments that many commands have.

import { defaultConfig, defaultRackConfig } from '../../control/default-config.ts';
import { RackError } from '../../ground/errors.ts';

export const config = {
  type: 'string',
  default: defaultConfig(),
  describe: 'Configuration file (also RACKBOOT_CONFIG)',
  requiresArg: true,
} as const;
export const flag = (describe: string) => ({ type: 'boolean', default: false, describe }) as const;
export const json = flag('Print JSON');

/** The shared options, for the tables that are functions of them. */
export interface SharedOptions {
  readonly config: { readonly type: 'string'; readonly default: string; readonly describe: string };
  readonly json: { readonly type: 'boolean'; readonly default: boolean; readonly describe: string };
}

export const text = { type: 'string', requiresArg: true } as const;
export const requiredArgument = (describe?: string) => ({ type: 'string', demandOption: true, describe }) as const;
/** Each by an option of its own. */
export const machineList = { type: 'string', array: true, requiresArg: true } as const;
export const option = (describe: string) => ({ ...text, describe }) as const;
export const repeated = (describe: string) => ({ ...text, array: true, describe }) as const;
export const comment = option('Why, for the event log');

/** The option for commands about a rack only: the default is never a region's file. */
export const rackConfig = { ...config, default: defaultRackConfig() };

export const ANY_NAME = 'Its system id, hostname or hardware address';

export const machine = requiredArgument(ANY_NAME);

/** MiB in a size with one of these units. */
const MEBIBYTES: Readonly<Record<string, number>> = { M: 1, G: 1024, T: 1024 * 1024 };
const SIZE = /^(\d{1,6})\s?([MGT])(?:i?B)?$/i;

/** @param name as a person types it @param unit what it counts */
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

export const yes = {
  type: 'boolean',
  alias: 'y',
  default: false,
  describe: 'Do not ask for confirmation',
} as const;
