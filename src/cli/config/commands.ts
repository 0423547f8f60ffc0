// The table of `rackboot config`: shows the configuration in force and changes the store.

import type { Argv } from 'yargs';
import type { SharedOptions } from '../shared-options.ts';

/** Adds `config` to a command line. */
export function configCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const key = { type: 'string', demandOption: true, describe: 'As in the configuration file: dns.upstream' } as const;
  const rack = {
    type: 'string',
    requiresArg: true,
    describe: 'Another rack, by name or UUID, for its cluster interfaces',
  } as const;
  return parser.command('config', 'The configuration in force, and the values that the store owns', (command) =>
    command
      .command(
        'show [key]',
        'Show every key with its value and its owner: file and line, store, or default',
        (show) =>
          show
            .positional('key', { type: 'string', describe: 'Only this key and the keys below it' })
            .options({ config, json }),
        async (argv) => {
          const { showConfig } = await import('./store.ts');
          finish(await showConfig(argv.config, argv.key, argv.json));
        },
      )
      .command(
        'get <key>',
        'Print one value, as YAML',
        (get) => get.positional('key', key).options({ config, json }),
        async (argv) => {
          const { getConfig } = await import('./store.ts');
          finish(await getConfig(argv.config, argv.key, argv.json));
        },
      )
      .command(
        'set <key> <value>',
        'Set a value in the store; keys in the file win and are read-only here',
        (set) =>
          set
            .positional('key', key)
            .positional('value', { type: 'string', demandOption: true, describe: 'YAML, as in the file' })
            .options({ config, rack }),
        async (argv) => {
          const { setConfig } = await import('./store.ts');
          finish(await setConfig(argv, argv.key, argv.value));
        },
      )
      .command(
        'unset <key>',
        'Remove a value from the store: the default is in force again',
        (unset) => unset.positional('key', key).options({ config, rack }),
        async (argv) => {
          const { unsetConfig } = await import('./store.ts');
          finish(await unsetConfig(argv, argv.key));
        },
      )
      .command(
        'export',
        "Print the store's part as YAML, fit for the configuration file",
        { config, rack },
        async (argv) => {
          const { exportConfig } = await import('./store.ts');
          finish(await exportConfig(argv));
        },
      )
      .demandCommand(1, 'name what to do: show, get, set, unset or export'),
  );
}
