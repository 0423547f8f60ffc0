// The table of `rackboot power`.

import type { Argv } from 'yargs';
import { POWER_DRIVER_NAMES } from '../../machines/power-drivers.ts';
import { machine, type SharedOptions } from '../terminal/shared-options.ts';

const DRIVERS = `${POWER_DRIVER_NAMES.slice(0, -1).join(', ')} or ${POWER_DRIVER_NAMES.at(-1)}`;

/** Adds `power` to a command line. */
export function powerCommands<T>(parser: Argv<T>, shared: SharedOptions, finish: (code: number) => void) {
  return parser.command('power', 'Switch machines on and off', (command) => {
    const machines = machineCommands(command, shared, finish);
    return checkCommands(machines, shared, finish).demandCommand(
      1,
      'name what to do: status, on, off, cycle, set, check or key',
    );
  });
}

/** Commands that query power from this host without the daemon, and print the key for that. */
function checkCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command
    .command(
      'check <what>',
      "Query a hypervisor for its virtual machines (qemu+ssh://user@host/system), or a machine's BMC for its state",
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
    );
}

const SWITCHES = [
  ['on', 'power_on', 'Switch a machine on'],
  ['cycle', 'power_cycle', 'Switch a machine off and on again'],
] as const;

/** Commands that switch the region's machines. */
function switchCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const comment = { type: 'string', requiresArg: true, describe: 'Why, for the event log' } as const;
  const wait = {
    type: 'boolean',
    default: false,
    describe: 'Wait until the power has changed, and print the result',
  } as const;
  for (const [name, op, describe] of SWITCHES) {
    command.command(
      `${name} <machine>`,
      describe,
      (plain) => plain.positional('machine', machine).options({ config, json, comment, wait }),
      async (argv) => {
        const { switchMachine } = await import('./machine-power.ts');
        finish(await switchMachine(argv, op, {}));
      },
    );
  }
  return command.command(
    'off <machine>',
    'Switch a machine off, or ask its system to shut down',
    (off) =>
      off.positional('machine', machine).options({
        config,
        json,
        comment,
        wait,
        soft: { type: 'boolean', default: false, describe: 'Ask its system to shut down instead of cutting the power' },
      }),
    async (argv) => {
      const { switchMachine } = await import('./machine-power.ts');
      finish(await switchMachine(argv, 'power_off', { stop_mode: argv.soft ? 'soft' : 'hard' }));
    },
  );
}

/** Commands that show the power of machines and set their drivers. */
function machineCommands<T>(command: Argv<T>, shared: SharedOptions, finish: (code: number) => void) {
  const { config, json } = shared;
  return switchCommands(command, shared, finish)
    .command(
      'status [machine]',
      'Query the power of a machine, or show the last known power of all',
      (status) => status.positional('machine', { ...machine, demandOption: false }).options({ config, json }),
      async (argv) => {
        const { showPower } = await import('./machine-power.ts');
        finish(await showPower(argv));
      },
    )
    .command(
      'set <machine> <type> [parameters..]',
      'Set how a machine is switched: ipmi power_address=10.0.0.5 power_user=maas power_pass@FILE',
      (set) =>
        set
          .positional('machine', machine)
          .positional('type', { type: 'string', demandOption: true, describe: DRIVERS })
          .positional('parameters', {
            type: 'string',
            array: true,
            describe: 'name=value, or name@FILE for the first line of a file',
          })
          .options({
            config,
            json,
            'skip-check': {
              type: 'boolean',
              default: false,
              describe: 'Store the parameters even if the driver would refuse them',
            },
          }),
      async (argv) => {
        const { setPower } = await import('./machine-power.ts');
        finish(await setPower(argv));
      },
    );
}
