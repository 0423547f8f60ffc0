// The table of the commands that work with a region like MAAS's own client, `login`, `logout`,
// `maas`, and of `import-maas`.

import { action, type Row, row } from '../terminal/command-table.ts';
import { config, flag, json, option, requiredArgument } from '../terminal/shared-options.ts';

const apikey = {
  type: 'string',
  describe: 'The key itself (visible in the process list) or a file that contains it; - is standard input',
} as const;
const cacerts = option("File with the certificates to trust instead of the system's");
const profile = requiredArgument('The name of the profile');

/** @param runOther runs another command of Rackboot */
export const clientCommands = (runOther: (args: readonly string[]) => Promise<number>): readonly Row[] => [
  row(
    'login <profile> <url> [apikey]',
    'Log in to a region with an API key, and keep both as a profile of this user',
    {
      profile,
      url: requiredArgument('http://rack:5240/MAAS, optionally followed by /api/1.0 or /api/2.0'),
      apikey,
      cacerts,
    },
    () => import('./login.ts'),
    'logIn',
  ),
  row('logout <profile>', 'Forget a profile', { profile }, () => import('./login.ts'), 'logOut'),
  row(
    'import-maas <url> [apikey]',
    'Move in from a running MAAS: machines, networks, users, tags',
    {
      url: requiredArgument('http://maas:5240/MAAS'),
      apikey,
      config,
      json,
      cacerts,
      'dry-run': flag('Change nothing, and say what would be added'),
    },
    () => import('./import-maas.ts'),
    'importMaas',
  ),
  action(
    'maas [words..]',
    "The command line of MAAS's own client: maas PROFILE NOUN ACTION KEY=VALUE",
    { words: { type: 'string', array: true, describe: 'As typed after maas' } },
    async (argv) => (await import('./maas.ts')).runMaas(argv.words ?? [], runOther),
  ),
];
