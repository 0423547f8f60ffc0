// The table of `rackboot power`.

import type { Argv } from 'yargs';
import type { SharedOptions } from './config-commands.ts';

/** Adds `power` to a command line. */
export function powerCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return parser.command('power', 'What switches machines on and off', (command) =>
    command
      .command(
        'check <what>',
        "Ask a hypervisor for its virtual machines (qemu+ssh://user@host/system), or a machine's BMC for its state",
        (check) =>
          check
            .positional('what', {
              type: 'string',
              demandOption: true,
              describe: "A libvirt URI, or a machine's system id, hostname or hardware address",
            })
            .options({ config, json }),
        async (argv) => {
          const { checkPower } = await import('./power.ts');
          finish(await checkPower(argv.config, argv.what, argv.json));
        },
      )
      .command(
        'key',
        "Print Rackboot's public SSH key, for the authorized_keys of hypervisors",
        { config },
        async (argv) => {
          const { printPowerKey } = await import('./power.ts');
          finish(await printPowerKey(argv.config));
        },
      )
      .demandCommand(1, 'name what to do: check or key'),
  );
}
