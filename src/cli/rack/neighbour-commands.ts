// The table of `rackboot neighbours`.

import type { Argv } from 'yargs';
import type { SharedOptions } from '../shared-options.ts';

/** Adds `neighbours` to a command line. */
export function neighboursCommand<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return parser.command(
    'neighbours',
    'List the hosts seen on the networks of this rack',
    {
      config,
      json,
      interface: { type: 'string', requiresArg: true, describe: 'Only hosts behind this interface' },
    },
    async (argv) => {
      const { listNeighbours } = await import('./neighbours.ts');
      finish(await listNeighbours(argv));
    },
  );
}
