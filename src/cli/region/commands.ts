// The tables of `rackboot region`, `rackboot racks` and `rackboot events`.

import { defaultRegionConfig, defaultStoreConfig } from '../../control/default-config.ts';
import { action, group, type Row, row } from '../terminal/command-table.ts';
import { config, flag, json, option, requiredArgument, text, yes } from '../terminal/shared-options.ts';

const PLACES = 'sqlite:DIRECTORY (the state directory of a region) or postgresql://user@host/database';
const verbose = flag('List each table with its number of rows');
const ofRegion = { ...config, default: defaultRegionConfig() };
const ofStore = { ...config, default: defaultStoreConfig() };
const file = requiredArgument('The file of the backup');
const rack = requiredArgument('Its name or UUID');

const loadCopy = () => import('./copy.ts');
const racks = () => import('./racks.ts');

export const REGION_COMMANDS: readonly Row[] = [
  group('region', 'Run a region without a rack, for racks on other hosts', [
    action(
      'check',
      "Check a region's configuration file",
      // Like that of `rackboot check`; accepted only to explain that a region has no such comparison.
      { config: ofRegion, json, diff: { type: 'boolean', default: false, hidden: true } },
      async (argv) => (await import('./run.ts')).checkRegionFile(argv.config, argv.json, argv.diff),
    ),
    row(
      'copy',
      "Move all of a stopped region's data to another database",
      {
        json,
        verbose,
        from: { type: 'string', demandOption: true, describe: `The source: ${PLACES}` },
        to: { type: 'string', demandOption: true, describe: `The target, which must be empty: ${PLACES}` },
        'password-file': option("The database's password, on its first line"),
        'ca-file': option("File of certificates that verify the database's"),
      },
      loadCopy,
      'copyStores',
    ),
    row(
      'backup <file>',
      "Write all of a region's data to a new file, even while it runs",
      { file, config: ofStore, json, verbose },
      loadCopy,
      'backUp',
    ),
    row(
      'restore <file>',
      "Fill a stopped region's empty store from a backup",
      { file, config: ofStore, json, verbose },
      loadCopy,
      'restore',
    ),
    action(['run', '$0'], 'Run the region (what its service runs)', { config: ofRegion }, async (argv) =>
      (await import('./run.ts')).runRegion(argv.config),
    ),
  ]),
  group('racks', 'The racks of the region', [
    action(
      'accept <rack>',
      'Let a rack serve machines for this region, or share a network with another rack',
      {
        rack,
        config,
        json,
        share: {
          ...text,
          array: true,
          default: [],
          describe: "Another rack's network that this rack may also serve, or one wider than /16 (repeat)",
        },
      },
      async (argv) => (await racks()).judgeRack(argv, 'accept'),
    ),
    action('reject <rack>', 'Refuse a rack until it is removed', { rack, config, json }, async (argv) =>
      (await racks()).judgeRack(argv, 'reject'),
    ),
    row('remove <rack>', 'Forget a rack; it may register again', { rack, config, json, yes }, racks, 'removeRack'),
    row(['list', '$0'], 'List racks', { config, json }, racks, 'listRacks'),
  ]),
  row(
    'events',
    "Show the region's event log, or follow it",
    {
      config,
      json,
      follow: { type: 'boolean', alias: 'f', default: false, describe: 'Keep printing new events until Ctrl-C' },
      machine: option('Only events of this machine: its system id, hostname or hardware address'),
      level: {
        choices: ['debug', 'info', 'warning', 'error', 'critical', 'audit'],
        default: 'info',
        describe: 'This level and above; audit: only what people did',
      },
      limit: { type: 'number', default: 40, describe: 'How many past events, 0 to 1000' },
    },
    () => import('./events.ts'),
    'showEvents',
  ),
];
