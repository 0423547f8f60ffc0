// The table of `rackboot init`, `check` and `config`: writes and checks a configuration, shows the one in force and changes the store.

import type { Argv } from 'yargs';
import { DEFAULT_STATE_DIR } from '../../config/state-dir.ts';
import { ofRack, type SharedOptions, yes } from '../terminal/shared-options.ts';

type Finish = (code: number) => void;

const text = { type: 'string', requiresArg: true } as const;
/** Accepted only to say where the values of another rack are. */
const refusedRack = { ...text, hidden: true } as const;
const DIFF = 'Show the changes it would make in the running daemon';

/** Adds `init`, `check` and `config` to a command line. */
export function configCommands<T>(parser: Argv<T>, shared: SharedOptions, finish: Finish) {
  return storeCommands(fileCommands(parser, shared, finish), shared, finish);
}

function fileCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  return parser
    .command(
      'init',
      'Write a configuration for this host, from questions or flags',
      {
        config: ofRack(config),
        'state-dir': { ...text, default: DEFAULT_STATE_DIR, describe: 'Directory of the state' },
        name: { ...text, describe: "This rack's name" },
        interface: { ...text, describe: "Interface on the machines' network" },
        mode: {
          choices: ['server', 'proxy'] as const,
          describe: 'Which DHCP server gives the addresses: this rack (server) or another (proxy)',
        },
        low: { ...text, describe: 'First address of the dynamic range' },
        high: { ...text, describe: 'Last address of the dynamic range' },
        'static-low': { ...text, describe: 'First address of the static range' },
        'static-high': { ...text, describe: 'Last address of the static range' },
        router: { ...text, describe: 'Router offered to machines' },
        upstream: { ...text, describe: 'Upstream DNS servers' },
        domain: { ...text, default: 'maas', describe: 'Domain of the machines' },
        region: { ...text, describe: 'URL of a remote region; the network then goes into the file' },
        yes: { type: 'boolean', alias: 'y', default: false, describe: 'Accept every proposal without asking' },
        force: { type: 'boolean', default: false, describe: 'Replace an existing file' },
      },
      async (argv) => {
        const { initConfig } = await import('./init.ts');
        await initConfig(argv);
        finish(0);
      },
    )
    .command(
      'reset',
      'Remove everything that a stopped rack or region keeps on this host: machines, accounts, leases, images',
      {
        config,
        json,
        yes,
        'keep-images': { type: 'boolean', default: false, describe: 'Keep the images, boot environments and packages' },
      },
      async (argv) => {
        const { reset } = await import('./reset.ts');
        finish(await reset(argv));
      },
    )
    .command(
      'check [file]',
      'Check a configuration file, alone and against this host',
      (command) =>
        command
          .positional('file', { type: 'string', describe: 'The file to check instead of --config' })
          .options({ config, json, diff: { type: 'boolean', default: false, describe: DIFF } }),
      async (argv) => {
        const { checkFile, showDifference } = await import('./check.ts');
        const file = argv.file ?? argv.config;
        const { isOnlyOfRegion } = await import('../../config/region-file-kind.ts');
        if (isOnlyOfRegion(file)) {
          const { checkRegionFile } = await import('../region/run.ts');
          return finish(await checkRegionFile(file, argv.json, argv.diff));
        }
        finish(await (argv.diff ? showDifference(file, argv.config, argv.json) : checkFile(file, argv.json)));
      },
    );
}

const words = { type: 'string', array: true, demandOption: true } as const;
const ENTRIES = 'YAML, as in the file';

function storeCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
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
            .options({ config, json, rack: refusedRack }),
        async (argv) => {
          const { refuseRack, showConfig } = await import('./store.ts');
          refuseRack(argv.rack);
          finish(await showConfig(argv.config, argv.key, argv.json));
        },
      )
      .command(
        'get <key>',
        'Print one value, as YAML',
        (get) => get.positional('key', key).options({ config, json, rack: refusedRack }),
        async (argv) => {
          const { getConfig, refuseRack } = await import('./store.ts');
          refuseRack(argv.rack);
          finish(await getConfig(argv.config, argv.key, argv.json));
        },
      )
      .command(
        'set <pairs..>',
        'Set keys in the store, all or none; keys in the file win and are read-only here',
        (set) =>
          set
            .positional('pairs', { ...words, describe: 'KEY VALUE …, or KEY=VALUE …; a value is YAML, as in the file' })
            .options({
              config,
              rack,
              replace: { type: 'boolean', default: false, describe: 'Drop entries and keys that the new value lacks' },
            }),
        async (argv) => {
          const { setConfig } = await import('./store.ts');
          finish(await setConfig(argv, argv.pairs));
        },
      )
      .command(
        'add <key> <entries..>',
        'Add entries to a list in the store',
        (add) =>
          add
            .positional('key', key)
            .positional('entries', { ...words, describe: ENTRIES })
            .options({ config, rack }),
        async (argv) => {
          const { editConfig, entriesIn } = await import('./store.ts');
          finish(await editConfig(argv, 'add', argv.key, entriesIn(argv.key, argv.entries)));
        },
      )
      .command(
        'remove <key> <entries..>',
        'Remove entries from a list in the store, each named by its value, or by that of a field',
        (remove) =>
          remove
            .positional('key', key)
            .positional('entries', { ...words, describe: ENTRIES })
            .options({ config, rack }),
        async (argv) => {
          const { editConfig, entriesIn } = await import('./store.ts');
          finish(await editConfig(argv, 'remove', argv.key, entriesIn(argv.key, argv.entries)));
        },
      )
      .command(
        'unset <keys..>',
        'Remove values from the store, all or none: the defaults apply again',
        (unset) => unset.positional('keys', { ...words, describe: key.describe }).options({ config, rack }),
        async (argv) => {
          const { unsetConfig } = await import('./store.ts');
          finish(await unsetConfig(argv, argv.keys));
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
      .demandCommand(1, 'name what to do: show, get, set, add, remove, unset or export'),
  );
}
