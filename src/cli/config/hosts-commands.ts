// The table of `rackboot hosts list|add|remove|import`.

import { RESERVATION_FORMATS } from '../../dhcp/import/reservations.ts';
import { group, row } from '../terminal/command-table.ts';
import { config, flag, json, requiredArgument } from '../terminal/shared-options.ts';

const hosts = () => import('./hosts.ts');

export const HOST_COMMANDS = group('hosts', 'The reservations: addresses that are kept for one client', [
  row(['list', '$0'], 'List reservations, sorted by address', { config, json }, hosts, 'listHosts'),
  row(
    'add <client> <ip> [hostname]',
    'Reserve an address in the network that it belongs to',
    {
      client: requiredArgument(
        'Hardware address; client_id=VALUE for a client identifier (option 61), or duid=, circuit_id=, remote_id=',
      ),
      ip: requiredArgument('The address'),
      hostname: { type: 'string', describe: 'The name of the client in DNS' },
      config,
    },
    hosts,
    'reserveHost',
  ),
  row(
    'remove <host>',
    'Remove a reservation',
    { host: requiredArgument('Its address, client or host name'), config },
    hosts,
    'removeHost',
  ),
  row(
    'import <files..>',
    "Take over the reservations in another DHCP server's configuration: dnsmasq, ISC dhcpd, Kea, systemd-networkd",
    {
      files: { type: 'string', array: true, demandOption: true },
      config,
      json,
      format: { choices: RESERVATION_FORMATS, describe: 'Format of the files; default: detected' },
      'dry-run': flag('Only print which would be taken over'),
    },
    hosts,
    'importHosts',
  ),
]);
