// The table of the commands that work with a region like MAAS's own client: `login`, `logout`, `maas`.

import { action, type Row, row } from '../terminal/command-table.ts';
import { named, option } from '../terminal/shared-options.ts';

const profile = named('The name of the profile');

/** @param runOther runs another command of Rackboot */
export const clientCommands = (runOther: (args: readonly string[]) => Promise<number>): readonly Row[] => [
  row(
    'login <profile> <url> [apikey]',
    'Log in to a region with an API key, and keep both as a profile of this user',
    {
      profile,
      url: named('http://rack:5240/MAAS, optionally followed by /api/1.0 or /api/2.0'),
      apikey: {
        type: 'string',
        describe: 'The key itself (visible in the process list) or a file that contains it; - is standard input',
      },
      cacerts: option("File with the certificates to trust instead of the system's"),
    },
    () => import('./login.ts'),
    'logIn',
  ),
  row('logout <profile>', 'Forget a profile', { profile }, () => import('./login.ts'), 'logOut'),
  action(
    'maas [words..]',
    "The command line of MAAS's own client: maas PROFILE NOUN ACTION KEY=VALUE",
    { words: { type: 'string', array: true, describe: 'As typed after maas' } },
    async (argv) => (await import('./maas.ts')).runMaas(argv.words ?? [], runOther),
  ),
];
