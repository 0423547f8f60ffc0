// The tables of `rackboot region`, `rackboot racks` and `rackboot events`.

import type { Argv } from 'yargs';
import { defaultRegionConfig, defaultStoreConfig } from '../../control/default-config.ts';
import { type SharedOptions, yes } from '../terminal/shared-options.ts';

type Finish = (code: number) => void;

/** Adds `region`, `racks` and `events` to a command line. */
export function regionCommands<T>(parser: Argv<T>, shared: SharedOptions, finish: Finish) {
  const { config, json } = shared;
  return parser
    .command('region', 'Run a region without a rack, for racks on other hosts', (command) =>
      processCommands(command, shared, finish),
    )
    .command('racks', 'The racks of the region', (command) => rackCommands(command, shared, finish))
    .command(
      'events',
      "Show the region's event log, or follow it",
      {
        config,
        json,
        follow: { type: 'boolean', alias: 'f', default: false, describe: 'Keep printing new events until Ctrl-C' },
        machine: {
          type: 'string',
          requiresArg: true,
          describe: 'Only events of this machine: its system id, hostname or hardware address',
        },
        level: {
          choices: ['debug', 'info', 'warning', 'error', 'critical', 'audit'] as const,
          default: 'info' as const,
          describe: 'This level and above; audit: only what people did',
        },
        limit: { type: 'number', default: 40, describe: 'How many past events, 0 to 1000' },
      },
      async (argv) => {
        const { showEvents } = await import('./events.ts');
        finish(await showEvents({ ...argv, file: argv.config }));
      },
    );
}

const PLACES = 'sqlite:DIRECTORY (the state directory of a region) or postgresql://user@host/database';
/** Like that of `rackboot check`; accepted only to explain that a region has no such comparison. */
const diff = { type: 'boolean', default: false, hidden: true } as const;
const verbose = { type: 'boolean', default: false, describe: 'List each table with its number of rows' } as const;
const BACKUP = { type: 'string', demandOption: true, describe: 'The file of the backup' } as const;

function processCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  const ofRegion = { ...config, default: defaultRegionConfig() };
  const ofStore = { ...config, default: defaultStoreConfig() };
  return command
    .command('check', "Check a region's configuration file", { config: ofRegion, json, diff }, async (argv) => {
      const { checkRegionFile } = await import('./run.ts');
      finish(await checkRegionFile(argv.config, argv.json, argv.diff));
    })
    .command(
      'copy',
      "Move all of a stopped region's data to another database",
      {
        json,
        verbose,
        from: { type: 'string', demandOption: true, describe: `The source: ${PLACES}` },
        to: { type: 'string', demandOption: true, describe: `The target, which must be empty: ${PLACES}` },
        'password-file': { type: 'string', requiresArg: true, describe: "The database's password, on its first line" },
        'ca-file': { type: 'string', requiresArg: true, describe: "File of certificates that verify the database's" },
      },
      async (argv) => {
        const { copyStores } = await import('./copy.ts');
        const options = { passwordFile: argv.passwordFile, caFile: argv.caFile };
        finish(await copyStores(argv.from, argv.to, options, argv));
      },
    )
    .command(
      'backup <file>',
      "Write all of a region's data to a new file, even while it runs",
      (one) =>
        one.positional('file', BACKUP).options({
          config: ofStore,
          json,
          verbose,
        }),
      async (argv) => {
        const { backUp } = await import('./copy.ts');
        finish(await backUp(argv.config, argv.file, argv));
      },
    )
    .command(
      'restore <file>',
      "Fill a stopped region's empty store from a backup",
      (one) => one.positional('file', BACKUP).options({ config: ofStore, json, verbose }),
      async (argv) => {
        const { restore } = await import('./copy.ts');
        finish(await restore(argv.config, argv.file, argv));
      },
    )
    .command(['run', '$0'], 'Run the region (what its service runs)', { config: ofRegion }, async (argv) => {
      const { runRegion } = await import('./run.ts');
      finish(await runRegion(argv.config));
    })
    .strict();
}

function rackCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  const rack = { type: 'string', demandOption: true, describe: 'Its name or UUID' } as const;
  command.command(
    'accept <rack>',
    'Let a rack serve machines for this region, or share a network with another rack',
    (one) =>
      one.positional('rack', rack).options({
        config,
        json,
        share: {
          type: 'string',
          array: true,
          default: [],
          requiresArg: true,
          describe: "Another rack's network that this rack may also serve, or one wider than /16 (repeat)",
        },
      }),
    async (argv) => {
      const { judgeRack } = await import('./racks.ts');
      finish(await judgeRack(argv.config, 'accept', argv.rack, argv.json, { shared: argv.share }));
    },
  );
  return command
    .command(
      'reject <rack>',
      'Refuse a rack until it is removed',
      (one) => one.positional('rack', rack).options({ config, json }),
      async (argv) => {
        const { judgeRack } = await import('./racks.ts');
        finish(await judgeRack(argv.config, 'reject', argv.rack, argv.json));
      },
    )
    .command(
      'remove <rack>',
      'Forget a rack; it may register again',
      (one) => one.positional('rack', rack).options({ config, json, yes }),
      async (argv) => {
        const { judgeRack } = await import('./racks.ts');
        finish(await judgeRack(argv.config, 'remove', argv.rack, argv.json, { isMeant: argv.yes }));
      },
    )
    .command(['list', '$0'], 'List racks', { config, json }, async (argv) => {
      const { listRacks } = await import('./racks.ts');
      finish(await listRacks(argv.config, argv.json));
    })
    .strict();
}
