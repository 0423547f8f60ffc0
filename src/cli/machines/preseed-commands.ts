// The table of `rackboot preseed`.

import type { Argv } from 'yargs';
import { PURPOSES, type Purpose } from '../../region/preseed/request.ts';
import { machine, type SharedOptions } from '../terminal/shared-options.ts';

const purposes = Object.keys(PURPOSES).filter((name): name is Purpose => Object.hasOwn(PURPOSES, name));

/** Adds `preseed` to a command line. */
export function preseedCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const text = { type: 'string', requiresArg: true } as const;
  return parser.command('preseed', 'Templates for installers, and the files rendered from them', (command) =>
    command
      .command(['list', '$0'], 'List the templates, yours and the shipped ones', { config, json }, async (argv) => {
        const { listPreseeds } = await import('./preseed.ts');
        finish(await listPreseeds(argv.config, argv.json));
      })
      .command(
        'show <name>',
        'Print a template, as a starting point for your own',
        (show) =>
          show.positional('name', { type: 'string', demandOption: true, describe: 'As listed' }).options({ config }),
        async (argv) => {
          const { showPreseed } = await import('./preseed.ts');
          finish(await showPreseed(argv.config, argv.name));
        },
      )
      .command(
        'render <machine>',
        "Render a machine's preseed without its keys; change nothing",
        (render) =>
          render.positional('machine', machine).options({
            config,
            json,
            purpose: { choices: purposes, default: 'install' as const, describe: 'The purpose of the file' },
            os: { ...text, describe: "Instead of the machine's own: debian, ubuntu" },
            release: { ...text, describe: "Instead of the machine's own: bookworm" },
            file: { ...text, describe: 'A template to try instead of the usual one' },
            set: { type: 'string', array: true, default: [], describe: 'name=value: set a value (repeat)' },
            names: { type: 'boolean', default: false, describe: 'Only list the template names tried, in order' },
          }),
        async (argv) => {
          const { renderForMachine } = await import('./preseed.ts');
          finish(await renderForMachine({ ...argv, osystem: argv.os, set: argv.set.map(String) }));
        },
      )
      .strict(),
  );
}
