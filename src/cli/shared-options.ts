// Options that every command with a configuration or an output has; command-line.ts defines them.

/** Options that other commands have, too. */
export interface SharedOptions {
  readonly config: { readonly type: 'string'; readonly default: string; readonly describe: string };
  readonly json: { readonly type: 'boolean'; readonly default: boolean; readonly describe: string };
}

/** The option that skips the question. */
export const yes = {
  type: 'boolean',
  alias: 'y',
  default: false,
  describe: 'Do not ask whether it is meant',
} as const;
