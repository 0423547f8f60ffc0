// The command about the hosts around a rack: `rackboot neighbours`.

import type { Argv } from 'yargs';
import type { SharedOptions } from '../shared-options.ts';

/** Adds it to a command line. */
export function neighboursCommand<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return parser.command(
    'neighbours',
    'The hosts that were seen on the networks of this rack',
    {
      config,
      json,
      interface: { type: 'string', requiresArg: true, describe: 'Only those behind this interface' },
    },
    async (argv) => {
      const { listNeighbours } = await import('./neighbours.ts');
      finish(await listNeighbours(argv));
    },
  );
}
