// Options of every command that reads a configuration or prints a result; commands.ts defines them.

import { defaultRackConfig } from '../../control/default-config.ts';

/** The options that commands share. */
export interface SharedOptions {
  readonly config: { readonly type: 'string'; readonly default: string; readonly describe: string };
  readonly json: { readonly type: 'boolean'; readonly default: boolean; readonly describe: string };
}

/** For a command that is only about a rack: never a region's file unless it is named. */
export const ofRack = (config: SharedOptions['config']): SharedOptions['config'] => ({
  ...config,
  default: defaultRackConfig(),
});

/** How a command that takes a machine describes its argument. */
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
