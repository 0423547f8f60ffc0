// The table of `rackboot machines`.

import type { Argv } from 'yargs';
import { POWER_DRIVER_NAMES } from '../../machines/power-drivers.ts';
import { ANY_NAME, type SharedOptions } from '../terminal/shared-options.ts';
import { lifeCommands } from './life-commands.ts';

/** Adds `machines` to a command line. */
export function machinesCommand<T>(parser: Argv<T>, shared: SharedOptions, finish: (code: number) => void) {
  return parser.command('machines', 'The machines of the region', (command) =>
    identityCommands(
      lifeCommands(addCommand(readingCommands(command, shared, finish), shared, finish), shared, finish),
      shared,
      finish,
    ).demandCommand(1, 'name what to do: list, show, accept, deploy, release …'),
  );
}

const named = (describe: string) => ({ type: 'string', demandOption: true, describe }) as const;
const some = { type: 'string', requiresArg: true } as const;

function readingCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command
    .command(
      'list',
      'List all machines, or those that match',
      {
        config,
        json,
        search: { ...some, alias: 'q', describe: 'With this text in a name, an address, a tag, the serial number …' },
        status: {
          ...some,
          array: true,
          describe: 'In this state, such as ready; problem and work each mean several states (repeat)',
        },
        owner: { ...some, array: true, describe: 'Of this user (repeat)' },
        rack: { ...some, array: true, describe: 'With this home rack (repeat)' },
      },
      async (argv) => {
        const { listMachines } = await import('./list.ts');
        finish(await listMachines(argv));
      },
    )
    .command(
      'show <machine>',
      'Show one machine, and what identifies it',
      (show) => show.positional('machine', named(ANY_NAME)).options({ config, json }),
      async (argv) => {
        const { showMachine } = await import('./list.ts');
        finish(await showMachine(argv.config, argv.machine, argv.json));
      },
    );
}

function addCommand<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command.command(
    'add <macs..>',
    'Add a machine by its hardware addresses, boot interface first; a machine that boots here adds itself',
    (add) =>
      add.positional('macs', { type: 'string', array: true, demandOption: true }).options({
        config,
        json,
        arch: { ...some, default: 'amd64', describe: 'Its architecture, amd64 or arm64' },
        hostname: { ...some, describe: 'Its name; default: Rackboot chooses one' },
        domain: { ...some, describe: 'Its domain; default: the default domain' },
        'power-type': { ...some, describe: `The driver that switches it: ${POWER_DRIVER_NAMES.join(', ')}` },
        power: {
          ...some,
          array: true,
          default: [],
          describe: 'A parameter of the driver: name=value, or name@FILE for the first line of a file (repeat)',
        },
      }),
    async (argv) => {
      const { addMachine } = await import('./add.ts');
      finish(await addMachine(argv));
    },
  );
}

/** Commands that correct which records belong to one machine. */
function identityCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command
    .command(
      'merge <keep> <other>',
      'Merge two records of one machine: the first takes over interfaces and events, the other is removed',
      (merge) =>
        merge
          .positional('keep', named(`The machine that stays. ${ANY_NAME}`))
          .positional('other', named('The machine to remove; it must not be in use'))
          .options({ config, json }),
      async (argv) => {
        const { mergeMachines } = await import('./identity.ts');
        finish(await mergeMachines(argv.config, argv.keep, argv.other, argv.json));
      },
    )
    .command(
      'split <machine>',
      'Move interfaces of a machine to a separate New machine',
      (split) =>
        split.positional('machine', named(ANY_NAME)).options({
          config,
          json,
          mac: {
            type: 'string',
            array: true,
            demandOption: true,
            describe: 'A hardware address to split off (repeat)',
          },
        }),
      async (argv) => {
        const { splitMachine } = await import('./identity.ts');
        finish(await splitMachine(argv.config, argv.machine, argv.mac, argv.json));
      },
    )
    .command(
      'keep-apart <machine> <other>',
      'Record that two machines are not the same, so that Rackboot never asks again',
      (apart) =>
        apart
          .positional('machine', named(ANY_NAME))
          .positional('other', named('The other machine'))
          .options({ config, json }),
      async (argv) => {
        const { keepApart } = await import('./identity.ts');
        finish(await keepApart(argv.config, argv.machine, argv.other, argv.json));
      },
    )
    .command(
      'move <machine> <rack>',
      'Record that a machine was moved to another network, of the same rack or another',
      (move) =>
        move
          .positional('machine', named(ANY_NAME))
          .positional('rack', named("The rack's name or UUID"))
          .options({
            config,
            json,
            network: { ...some, describe: 'The network of that rack, by name or as 10.20.0.0/24' },
          }),
      async (argv) => {
        const { moveMachine } = await import('./identity.ts');
        finish(await moveMachine(argv.config, argv.machine, argv, argv.json));
      },
    );
}
