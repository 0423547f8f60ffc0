// The table of `rackboot hosts list|add|remove|import`.

import { RESERVATION_FORMATS } from '../../dhcp/import/reservations.ts';
import { action, group, row } from '../terminal/command-table.ts';
import { config, flag, json, named } from '../terminal/shared-options.ts';

const hosts = () => import('./hosts.ts');

export const HOST_COMMANDS = group('hosts', 'The reservations: addresses that are kept for one client', [
  action(['list', '$0'], 'List reservations, sorted by address', { config, json }, async (argv) =>
    (await hosts()).listHosts(argv.config, argv.json),
  ),
  action(
    'add <client> <ip> [hostname]',
    'Reserve an address in the network that it belongs to',
    {
      client: named('Hardware address, or client identifier (option 61)'),
      ip: named('The address'),
      hostname: { type: 'string', describe: 'The name of the client in DNS' },
      config,
    },
    async (argv) => (await hosts()).reserveHost(argv.config, argv),
  ),
  action(
    'remove <host>',
    'Remove a reservation',
    { host: named('Its address, client or host name'), config },
    async (argv) => (await hosts()).removeHost(argv.config, argv.host),
  ),
  row(
    'import <files..>',
    "Take over the reservations in another DHCP server's configuration: dnsmasq, ISC dhcpd, Kea, systemd-networkd",
    {
      files: { type: 'string', array: true, demandOption: true },
      config,
      json,
      format: { choices: RESERVATION_FORMATS, describe: 'Format of the files; default: detected' },
      'dry-run': flag('Only print what would be taken over'),
    },
    hosts,
    'importHosts',
  ),
]);
