// Options of every command that reads a configuration or prints a result; commands.ts defines them.

import { defaultRackConfig } from '../../control/default-config.ts';

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

/** The option that skips the confirmation. */
export const yes = {
  type: 'boolean',
  alias: 'y',
  default: false,
  describe: 'Do not ask for confirmation',
} as const;
