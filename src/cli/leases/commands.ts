// The table of the commands about leases: `rackboot leases list|show|end|clear|import`.

import type { Argv } from 'yargs';
import { RackError } from '../../errors.ts';
import type { SharedOptions } from '../shared-options.ts';

const text = { type: 'string', requiresArg: true } as const;
const FORMATS = ['isc', 'dnsmasq', 'kea'] as const;

/** Which leases are listed. */
const CRITERIA = {
  state: {
    choices: ['bound', 'expired', 'released', 'declined'] as const,
    describe: 'Only those in this state',
  },
  network: { ...text, describe: 'Of a cluster interface, by its name, or of a network such as 10.20.0.0/24' },
  address: { ...text, describe: 'Of an address or of a part of a network' },
  mac: { ...text, describe: 'Of a hardware address, or of those that begin so' },
  hostname: { ...text, describe: 'Of a name; * stands for anything' },
  'circuit-id': { ...text, describe: 'Behind a switch port, as the relay names it; * stands for anything' },
  'remote-id': { ...text, describe: 'Behind a switch, as the relay names it; * stands for anything' },
  'vendor-class': { ...text, describe: 'Of a kind of client, such as PXEClient*; * stands for anything' },
  'client-id': { ...text, describe: 'Of a client identifier such as 01:52:54:*; * stands for anything' },
} as const;

/** Adds them to a command line. */
export function leasesCommand<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return parser.command('leases', 'The leases of this rack; of a stopped one, too', (command) =>
    command
      .command(
        ['list', '$0'],
        'List leases by address, all or some',
        {
          config,
          json,
          csv: { type: 'boolean', default: false, describe: 'Print CSV' },
          ...CRITERIA,
        },
        async (argv) => {
          if (argv.json && argv.csv) throw new RackError('bad-argument', 'say --json or --csv, not both');
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
        'Everything about one lease: its address, or its hardware address',
        (show) => show.positional('wanted', { type: 'string', demandOption: true }).options({ config, json }),
        async (argv) => {
          const { showLease } = await import('./list.ts');
          finish(await showLease(argv.config, argv.wanted, argv.json));
        },
      )
      .command(
        'end <address>',
        'End a lease before its time, as of a machine that is gone, in the running rack',
        (end) => end.positional('address', { type: 'string', demandOption: true }).options({ config }),
        async (argv) => {
          const { endLease } = await import('./list.ts');
          finish(await endLease(argv.config, argv.address));
        },
      )
      .command(
        'clear <address>',
        'Give an address that was set aside, as used by another host, back to its range, in the running rack',
        (clear) => clear.positional('address', { type: 'string', demandOption: true }).options({ config }),
        async (argv) => {
          const { clearAddress } = await import('./list.ts');
          finish(await clearAddress(argv.config, argv.address));
        },
      )
      .command(
        'import <files..>',
        "Take over the leases of another DHCP server from its file: ISC's dhcpd.leases, dnsmasq's, Kea's memfile",
        (take) =>
          take.positional('files', { type: 'string', array: true, demandOption: true }).options({
            config,
            json,
            format: { choices: FORMATS, describe: 'Whose file it is; left out: told by its first lines' },
            'dry-run': { type: 'boolean', default: false, describe: 'Only say what would be taken, and what not' },
          }),
        async (argv) => {
          const { importLeases } = await import('./import.ts');
          finish(await importLeases({ ...argv, dryRun: argv.dryRun, format: argv.format }));
        },
      ),
  );
}
