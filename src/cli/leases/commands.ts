// The table of the lease commands: `rackboot leases list|show|end|clear|import`.

import type { Argv } from 'yargs';
import { RackError } from '../../errors.ts';
import type { SharedOptions } from '../terminal/shared-options.ts';

const text = { type: 'string', requiresArg: true } as const;
const FORMATS = ['isc', 'dnsmasq', 'kea'] as const;

/** Filters of the list. */
const CRITERIA = {
  state: {
    choices: ['bound', 'expired', 'released', 'declined'] as const,
    describe: 'Only leases in this state',
  },
  network: { ...text, describe: 'In this network: the name of a cluster interface, or a network such as 10.20.0.0/24' },
  address: { ...text, describe: 'Of this address, or in this part of a network' },
  mac: { ...text, describe: 'Of this hardware address, or of all with this prefix' },
  hostname: { ...text, describe: 'Of this host name; * matches anything' },
  'circuit-id': { ...text, describe: 'Behind this switch port, as named by the relay; * matches anything' },
  'remote-id': { ...text, describe: 'Behind this switch, as named by the relay; * matches anything' },
  'vendor-class': { ...text, describe: 'Of this vendor class, such as PXEClient*; * matches anything' },
  'client-id': { ...text, describe: 'Of this client identifier, such as 01:52:54:*; * matches anything' },
} as const;

/** Adds `leases` to a command line. */
export function leasesCommand<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return parser.command('leases', 'The leases of this rack, running or stopped', (command) =>
    command
      .command(
        ['list', '$0'],
        'List leases, sorted by address',
        {
          config,
          json,
          csv: { type: 'boolean', default: false, describe: 'Print CSV' },
          ...CRITERIA,
        },
        async (argv) => {
          if (argv.json && argv.csv) throw new RackError('bad-argument', 'use --json or --csv, not both');
          const { listLeases } = await import('./list.ts');
          const { state, network, address, mac, hostname, circuitId, remoteId, vendorClass, clientId } = argv;
          const port = { 'circuit-id': circuitId, 'remote-id': remoteId };
          const client = { hostname, 'vendor-class': vendorClass, 'client-id': clientId };
          const criteria = { state, network, address, mac, ...port, ...client };
          finish(await listLeases(argv.config, criteria, argv.json ? 'json' : argv.csv ? 'csv' : 'table'));
        },
      )
      .command(
        'show <wanted>',
        'Show everything about a lease, by address or hardware address',
        (show) => show.positional('wanted', { type: 'string', demandOption: true }).options({ config, json }),
        async (argv) => {
          const { showLease } = await import('./list.ts');
          finish(await showLease(argv.config, argv.wanted, argv.json));
        },
      )
      .command(
        'end <address>',
        'End a lease early in the running rack, such as that of a removed machine',
        (end) => end.positional('address', { type: 'string', demandOption: true }).options({ config }),
        async (argv) => {
          const { endLease } = await import('./list.ts');
          finish(await endLease(argv.config, argv.address));
        },
      )
      .command(
        'clear <address>',
        'Return an address to its range in the running rack after another host used it',
        (clear) => clear.positional('address', { type: 'string', demandOption: true }).options({ config }),
        async (argv) => {
          const { clearAddress } = await import('./list.ts');
          finish(await clearAddress(argv.config, argv.address));
        },
      )
      .command(
        'import <files..>',
        "Import leases from another DHCP server's file: ISC's dhcpd.leases, dnsmasq's, Kea's memfile",
        (take) =>
          take.positional('files', { type: 'string', array: true, demandOption: true }).options({
            config,
            json,
            format: { choices: FORMATS, describe: 'Format of the files; default: detected from their first lines' },
            'dry-run': { type: 'boolean', default: false, describe: 'Only print what would be imported or skipped' },
          }),
        async (argv) => {
          const { importLeases } = await import('./import.ts');
          finish(await importLeases({ ...argv, dryRun: argv.dryRun, format: argv.format }));
        },
      ),
  );
}
