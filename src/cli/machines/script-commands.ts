// The tables of `rackboot scripts`, and of the commands that commission and test machines.

import type { Argv } from 'yargs';
import { machine, numberNamed, type SharedOptions } from '../terminal/shared-options.ts';

const text = { type: 'string', requiresArg: true } as const;
const UNASKED = 'all but destructive ones and those tagged `noauto`';
const script = { type: 'string', demandOption: true, describe: 'Its name' } as const;

/** Adds `scripts` to a command line. */
export function scriptsCommand<T>(parser: Argv<T>, shared: SharedOptions, finish: (code: number) => void) {
  return parser.command('scripts', 'Scripts that commission and test machines, and their results', (command) =>
    resultsCommand(keepingCommands(command, shared, finish), shared, finish).demandCommand(
      1,
      'name what to do: add, list, show, remove or results',
    ),
  );
}

function keepingCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command
    .command(
      'add <file>',
      'Add a script; its comments may set name, title, type, timeout and tags',
      (add) =>
        add.positional('file', { type: 'string', demandOption: true, describe: 'The script' }).options({
          config,
          json,
          name: { ...text, describe: 'Its name; default: the name in the script, else the name of the file' },
          kind: { choices: ['commissioning', 'testing'] as const, describe: 'When it runs; default: commissioning' },
          title: { ...text, describe: 'Name shown to people' },
          timeout: { ...text, describe: 'How long it may take: 90s, 10m, 2h; default: 10m' },
          position: {
            ...numberNamed('--position'),
            requiresArg: true,
            describe: 'Order, 0 to 999, lowest first; default: 50',
          },
          tag: { ...text, array: true, describe: 'A word that chooses it (repeat)' },
          replace: { type: 'boolean', default: false, describe: 'Replace the script of this name' },
        }),
      async (argv) => {
        const { addScript } = await import('./scripts.ts');
        finish(await addScript(argv));
      },
    )
    .command('list', 'List scripts, in the order in which they run', { config, json }, async (argv) => {
      const { listScripts } = await import('./scripts.ts');
      finish(await listScripts(argv.config, argv.json));
    })
    .command(
      'show <script>',
      'Print the text of a script',
      (show) => show.positional('script', script).options({ config }),
      async (argv) => {
        const { showScript } = await import('./scripts.ts');
        finish(await showScript(argv.config, argv.script));
      },
    )
    .command(
      'remove <script>',
      'Remove a script; its results stay',
      (remove) => remove.positional('script', script).options({ config, json }),
      async (argv) => {
        const { removeScript } = await import('./scripts.ts');
        finish(await removeScript(argv.config, argv.script, argv.json));
      },
    );
}

function resultsCommand<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command.command(
    'results <machine> [script]',
    'Show the results of the newest run on a machine, or the output of one script',
    (results) =>
      results
        .positional('machine', machine)
        .positional('script', { type: 'string', describe: 'Show the output of this script: its last 64 KiB' })
        .options({
          config,
          json,
          all: { type: 'boolean', default: false, describe: 'Show all kept runs, newest first' },
          follow: {
            type: 'boolean',
            alias: 'f',
            default: false,
            describe: 'Keep printing until the machine has finished',
          },
        }),
    async (argv) => {
      const { showResults } = await import('./script-results.ts');
      finish(await showResults(argv));
    },
  );
}

/** Adds `commission` and `test` to `machines`. */
export function runCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const comment = { ...text, describe: 'Why, for the event log' };
  const chosen = (which: string, otherwise: string) =>
    ({ type: 'string', array: true, requiresArg: true, describe: `${which} (repeat); default: ${otherwise}` }) as const;
  return command
    .command(
      'commission <machine>',
      'Commission a machine at its next start: inventory and tests',
      (commission) =>
        commission.positional('machine', machine).options({
          config,
          json,
          comment,
          script: chosen('A commissioning script to run, by name or tag, or `none`', UNASKED),
          test: chosen('A testing script to run after them, by name or tag', 'none'),
        }),
      async (argv) => {
        const { commandMachine } = await import('./life.ts');
        const fields = { commissioning_scripts: argv.script?.join(','), testing_scripts: argv.test?.join(',') };
        finish(await commandMachine(argv, 'commission', fields));
      },
    )
    .command(
      'test <machine>',
      'Test a machine at its next start, then return it to its former state',
      (test) =>
        test.positional('machine', machine).options({
          config,
          json,
          comment,
          script: chosen('A testing script to run, by name or tag, or `none`', UNASKED),
        }),
      async (argv) => {
        const { commandMachine } = await import('./life.ts');
        finish(await commandMachine(argv, 'test', { testing_scripts: argv.script?.join(',') }));
      },
    );
}
