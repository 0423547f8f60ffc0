// Options that every command with a configuration or an output has; command-line.ts defines them.

/** Options that other commands have, too. */
export interface SharedOptions {
  readonly config: { readonly type: 'string'; readonly default: string; readonly describe: string };
  readonly json: { readonly type: 'boolean'; readonly default: boolean; readonly describe: string };
}
