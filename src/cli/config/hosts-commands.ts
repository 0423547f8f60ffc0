// The table of `rackboot hosts list|add|remove|import`.

import type { Argv } from 'yargs';
import { RESERVATION_FORMATS } from '../../dhcp/import/reservations.ts';
import type { SharedOptions } from '../terminal/shared-options.ts';

const demanded = { type: 'string', demandOption: true } as const;

/** Adds `hosts` to a command line. */
export function hostsCommand<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return parser.command('hosts', 'The reservations: addresses that are kept for one client', (command) =>
    command
      .command(['list', '$0'], 'List reservations, sorted by address', { config, json }, async (argv) => {
        const { listHosts } = await import('./hosts.ts');
        finish(await listHosts(argv.config, argv.json));
      })
      .command(
        'add <client> <ip> [hostname]',
        'Reserve an address in the network that it belongs to',
        (add) =>
          add
            .positional('client', { ...demanded, describe: 'Hardware address, or client identifier (option 61)' })
            .positional('ip', { ...demanded, describe: 'The address' })
            .positional('hostname', { type: 'string', describe: 'The name of the client in DNS' })
            .options({ config }),
        async (argv) => {
          const { reserveHost } = await import('./hosts.ts');
          finish(await reserveHost(argv.config, { ...argv, hostname: argv.hostname }));
        },
      )
      .command(
        'remove <host>',
        'Remove a reservation',
        (remove) =>
          remove.positional('host', { ...demanded, describe: 'Its address, client or host name' }).options({ config }),
        async (argv) => {
          const { removeHost } = await import('./hosts.ts');
          finish(await removeHost(argv.config, argv.host));
        },
      )
      .command(
        'import <files..>',
        "Take over the reservations in another DHCP server's configuration: dnsmasq, ISC dhcpd, Kea, systemd-networkd",
        (take) =>
          take.positional('files', { type: 'string', array: true, demandOption: true }).options({
            config,
            json,
            format: { choices: RESERVATION_FORMATS, describe: 'Format of the files; default: detected' },
            'dry-run': { type: 'boolean', default: false, describe: 'Only print what would be taken over' },
          }),
        async (argv) => {
          const { importHosts } = await import('./hosts.ts');
          finish(await importHosts({ ...argv, dryRun: argv.dryRun, format: argv.format }));
        },
      ),
  );
}
