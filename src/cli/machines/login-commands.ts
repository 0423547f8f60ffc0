// The tables of `rackboot machines rescue`, `debug-login` and `logins`.

import type { Argv } from 'yargs';
import { machine, type SharedOptions } from '../terminal/shared-options.ts';

const text = { type: 'string', requiresArg: true } as const;
const comment = { ...text, describe: 'Why, for the event log' };

/** Adds the login commands to `machines`. */
export function loginCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command
    .command(
      'rescue <machine>',
      "Boot a machine into a rescue system, to log in with its owner's keys",
      (rescue) =>
        rescue.positional('machine', machine).options({
          config,
          json,
          comment,
          wait: { type: 'boolean', default: false, describe: 'Wait until login is possible, and show the host key' },
        }),
      async (argv) => {
        const { rescueMachine } = await import('./logins.ts');
        finish(await rescueMachine(argv));
      },
    )
    .command(
      'debug-login <machine>',
      'Allow SSH login while a machine is commissioned, deployed or erased, and keep it on if that fails',
      (debug) =>
        debug.positional('machine', machine).options({
          config,
          json,
          comment,
          for: { ...text, describe: 'How long, at most 24h; default: 1h' },
          off: { type: 'boolean', default: false, describe: 'End the debug login now' },
        }),
      async (argv) => {
        const { debugLogin } = await import('./logins.ts');
        finish(await debugLogin(argv));
      },
    )
    .command(
      'logins <machine>',
      'Show how to log in to a machine in rescue mode or with a debug login, and its host key',
      (logins) => logins.positional('machine', machine).options({ config, json }),
      async (argv) => {
        const { listLogins } = await import('./logins.ts');
        finish(await listLogins(argv));
      },
    );
}
