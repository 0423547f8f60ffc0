// The table of the commands that work with a region like MAAS's own client: `login`, `logout`, `maas`.

import type { Argv } from 'yargs';

type Finish = (code: number) => void;

const profile = { type: 'string', demandOption: true, describe: 'The name of the profile' } as const;

/** Runs another command of Rackboot. */
type RunOther = (args: readonly string[]) => Promise<number>;

/** Adds the commands about regions and profiles to a command line. */
export function clientCommands<T>(parser: Argv<T>, finish: Finish, runOther: RunOther) {
  return parser
    .command(
      'login <profile> <url> [apikey]',
      'Log in to a region with an API key, and keep both as a profile of this user',
      (login) =>
        login
          .positional('profile', profile)
          .positional('url', {
            type: 'string',
            demandOption: true,
            describe: 'http://rack:5240/MAAS, optionally followed by /api/1.0 or /api/2.0',
          })
          .positional('apikey', {
            type: 'string',
            describe: 'The key itself (visible in the process list) or a file that contains it; - is standard input',
          })
          .options({
            cacerts: {
              type: 'string',
              requiresArg: true,
              describe: "File with the certificates to trust instead of the system's",
            },
          }),
      async (argv) => {
        const { logIn } = await import('./login.ts');
        finish(await logIn(argv));
      },
    )
    .command(
      'logout <profile>',
      'Forget a profile',
      (logout) => logout.positional('profile', profile),
      async (argv) => {
        const { logOut } = await import('./login.ts');
        finish(logOut(argv.profile));
      },
    )
    .command(
      'maas [words..]',
      "The command line of MAAS's own client: maas PROFILE NOUN ACTION KEY=VALUE",
      (maas) => maas.positional('words', { type: 'string', array: true, describe: 'As typed after maas' }),
      async (argv) => {
        const { runMaas } = await import('./maas.ts');
        finish(await runMaas(argv.words ?? [], runOther));
      },
    );
}
