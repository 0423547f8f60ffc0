// The table of `rackboot leases`.

import { LEASE_FORMATS } from '../../dhcp/import/lease-file.ts';
import { RackError } from '../../ground/errors.ts';
import { action, group, row } from '../terminal/command-table.ts';
import { config, flag, json, option, requiredArgument } from '../terminal/shared-options.ts';

/** Filters of the list. */
const CRITERIA = {
  state: { choices: ['bound', 'expired', 'released', 'declined'], describe: 'Only leases in this state' },
  network: option('In this network: the name of a cluster interface, or a network such as 10.20.0.0/24'),
  address: option('Of this address, or in this part of a network'),
  mac: option('Of this hardware address, or of all with this prefix'),
  hostname: option('Of this host name; * matches anything'),
  'circuit-id': option('Behind this switch port, as named by the relay; * matches anything'),
  'remote-id': option('Behind this switch, as named by the relay; * matches anything'),
  'vendor-class': option('Of this vendor class, such as PXEClient*; * matches anything'),
  'client-id': option('Of this client identifier, such as 01:52:54:*; * matches anything'),
} as const;

const loadList = () => import('./list.ts');

export const LEASE_COMMANDS = group('leases', 'The leases of this rack, running or stopped', [
  action(
    ['list', '$0'],
    'List leases, sorted by address',
    { config, json, csv: flag('Print CSV'), ...CRITERIA },
    async (argv) => {
      if (argv.json && argv.csv) throw new RackError('bad-argument', 'use --json or --csv, not both');
      const { listLeases } = await loadList();
      return await listLeases(argv.config, argv, argv.json ? 'json' : argv.csv ? 'csv' : 'table');
    },
  ),
  row(
    'show <wanted>',
    'Show everything about a lease, by address or hardware address',
    { wanted: requiredArgument(), config, json },
    loadList,
    'showLease',
  ),
  row(
    'end <address>',
    'End a lease early in the running rack, such as that of a removed machine',
    { address: requiredArgument(), config },
    loadList,
    'endLease',
  ),
  row(
    'clear <address>',
    'Return an address to its range in the running rack after another host used it',
    { address: requiredArgument(), config },
    loadList,
    'clearAddress',
  ),
  row(
    'import <files..>',
    "Import leases from another DHCP server's file, such as ISC's dhcpd.leases, dnsmasq's, Kea's memfile",
    {
      files: { type: 'string', array: true, demandOption: true },
      config,
      json,
      format: {
        choices: LEASE_FORMATS,
        describe: 'Format of the files; default: detected from their first lines',
      },
      'dry-run': flag('Only print what would be imported or skipped'),
    },
    () => import('./import.ts'),
    'importLeases',
  ),
]);
