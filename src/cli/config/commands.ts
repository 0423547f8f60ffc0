// The table of `rackboot init`, `reset`, `check` and `config`.

import { DEFAULT_STATE_DIR } from '../../config/state-dir.ts';
import { action, group, type Row, row } from '../terminal/command-table.ts';
import { config, flag, json, option, rackConfig, requiredArgument, text, yes } from '../terminal/shared-options.ts';
import { NETWORK_OPTIONS } from './network-options.ts';

const loadStore = () => import('./store.ts');
/** Accepted only to say where the values of another rack are. */
const refusedRack = { ...text, hidden: true } as const;
const rack = option('Another rack, by name or UUID, for its cluster interfaces');
const key = requiredArgument('As in the configuration file: dns.upstream');
const words = { type: 'string', array: true, demandOption: true } as const;
const entries = { ...words, describe: 'YAML, as in the file' } as const;

export const CONFIG_COMMANDS: readonly Row[] = [
  row(
    'init',
    'Write a configuration for this host, from questions or flags',
    {
      config: rackConfig,
      'state-dir': option(`Directory of the state; by default that of the file, or ${DEFAULT_STATE_DIR}`),
      name: option("This rack's name"),
      interface: option("Interface on the machines' network; --no-interface leaves the networks to the page"),
      ...NETWORK_OPTIONS,
      upstream: option('Upstream DNS servers'),
      domain: { ...text, default: 'maas', describe: 'Domain of the machines' },
      region: option('URL of a remote region; the network then goes into the file'),
      yes: { type: 'boolean', alias: 'y', default: false, describe: 'Accept every proposal without asking' },
      force: flag('Replace an existing file and the networks of this rack, after a question'),
    },
    () => import('./init.ts'),
    'initConfig',
  ),
  row(
    'reset',
    'Remove all that a stopped rack or region keeps on this host',
    {
      config,
      json,
      yes,
      'keep-images': flag('Keep the images, boot environments and packages'),
    },
    () => import('./reset.ts'),
    'reset',
  ),
  action(
    'check [file]',
    'Check a configuration file, alone and against this host',
    {
      file: { type: 'string', describe: 'The file to check instead of --config' },
      config,
      json,
      diff: flag('Show the changes it would make in the running daemon'),
    },
    async (argv) => {
      const { checkFile, showDifference } = await import('./check.ts');
      const file = argv.file ?? argv.config;
      const { isRegionOnlyFile } = await import('../../config/region-file-kind.ts');
      if (isRegionOnlyFile(file)) return (await import('../region/run.ts')).checkRegionFile(file, argv.json, argv.diff);
      return await (argv.diff ? showDifference(file, argv.config, argv.json) : checkFile(file, argv.json));
    },
  ),
  group(
    'config',
    'The configuration in force, and the values that the store owns',
    [
      row(
        'show [key]',
        'Show every key with its value and its owner: file and line, store, or default',
        {
          key: { type: 'string', describe: 'Only this key and the keys below it' },
          config,
          json,
          rack: refusedRack,
        },
        loadStore,
        'showConfig',
      ),
      row('get <key>', 'Print one value, as YAML', { key, config, json, rack: refusedRack }, loadStore, 'getConfig'),
      row(
        'set <pairs..>',
        'Set keys in the store, all or none; keys in the file win and are read-only here',
        {
          pairs: { ...words, describe: 'KEY VALUE …, or KEY=VALUE …; a value is YAML, as in the file' },
          config,
          rack,
          replace: flag('Drop entries and keys that the new value lacks'),
        },
        loadStore,
        'setConfig',
      ),
      ...(
        [
          ['add', 'Add entries to a list in the store'],
          ['remove', 'Remove entries from a list in the store, each named by its value, or by that of a field'],
        ] as const
      ).map(([kind, description]) =>
        action(`${kind} <key> <entries..>`, description, { key, entries, config, rack }, async (argv) => {
          const { editConfig, parseEntries: entriesIn } = await loadStore();
          return await editConfig(argv, kind, argv.key, entriesIn(argv.key, argv.entries));
        }),
      ),
      row(
        'unset <keys..>',
        'Remove values from the store, all or none: the defaults apply again',
        { keys: { ...words, describe: key.describe }, config, rack },
        loadStore,
        'unsetConfig',
      ),
      row(
        'export',
        "Print the store's part as YAML, fit for the configuration file",
        { config, rack },
        loadStore,
        'exportConfig',
      ),
    ],
    'name what to do: show, get, set, add, remove, unset or export',
  ),
];
