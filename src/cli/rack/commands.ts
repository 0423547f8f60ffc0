// The table of the commands about the running rack: `run`, `backup`, `restore`, `status`, `doctor`,
// `outbox`, `lab`, `trace`, `why`, `log-level`, `neighbours`.

import { action, type Row, row } from '../terminal/command-table.ts';
import {
  config,
  flag,
  json,
  option,
  rackConfig,
  repeated,
  requiredArgument,
  text,
} from '../terminal/shared-options.ts';

export const RACK_COMMANDS: readonly Row[] = [
  action('run', 'Run the rack (what the service runs)', { config: rackConfig }, async (argv) =>
    (await import('./run.ts')).runDaemon(argv.config),
  ),
  row(
    'backup <file>',
    'Write what this rack keeps, but no images, into one file',
    {
      file: requiredArgument('The new file; with --keep, a directory'),
      config,
      json,
      keep: { type: 'number', requiresArg: true, describe: 'Write into a directory, and keep so many backups there' },
      check: flag('Restore it into a scratch directory, to know that it can be restored'),
    },
    () => import('./backup.ts'),
    'backUpRack',
  ),
  row(
    'restore <file>',
    'Put a backup of a rack back, while no rack runs there',
    {
      file: requiredArgument('A file of `backup`'),
      config,
      json,
      force: flag('Replace a state and a configuration that are here'),
      'state-only': flag('Keep the configuration of this host, which names the state directory'),
    },
    () => import('./backup.ts'),
    'restoreRack',
  ),
  row(
    'boot',
    'Boot machines with files named here, and keep nothing',
    {
      interface: { ...option('The interface of this host in their network'), demandOption: true },
      kernel: option('A kernel'),
      initrd: repeated('An initrd; several in this order'),
      arguments: {
        ...option("The words of the kernel line; {mac} and {address} stand for the machine's"),
        default: '',
      },
      iso: option('The image of a disc, instead of a kernel'),
      efi: option('A program for UEFI, instead of a kernel'),
      disk: option('The image of a disk, instead of a kernel'),
      mac: option('The only machine to boot, by its hardware address'),
      serve: option('A directory whose files are served, too'),
      range: option('Be the DHCP server, with these addresses: 10.20.0.100-10.20.0.199'),
      once: flag('End when a machine has all of these files; with --range, the DHCP server ends, too'),
    },
    () => import('./boot.ts'),
    'bootMachines',
  ),
  row('status', 'Show what the running rack serves', { config, json }, () => import('./status.ts'), 'showStatus'),
  row(
    'doctor',
    'Query the running rack as a machine would, and report what is wrong',
    {
      config,
      json,
      'outside-name': option('A name outside this network to look up'),
      'fix-hint': flag('Also check this host, and name the fix for each fault'),
    },
    () => import('./doctor.ts'),
    'runDoctor',
  ),
  row(
    'outbox',
    'Events that wait for a remote region, and those it refused',
    {
      config,
      json,
      dead: flag('Show dead letters: events the region refused for good'),
      retry: { type: 'number', requiresArg: true, describe: 'Send this dead letter once more' },
      drop: { type: 'number', requiresArg: true, describe: 'Remove this dead letter' },
    },
    () => import('./outbox.ts'),
    'runOutbox',
  ),
  row('warm', false, {}, () => import('./warm.ts'), 'warmCache'),
  row(
    'lab',
    'A safe lab: simulated machines that you accept, deploy, release',
    {
      machines: { type: 'number', requiresArg: true, default: 1, describe: 'Number of simulated machines (1 to 200)' },
      racks: { type: 'number', requiresArg: true, default: 1, describe: 'Racks that report to one region (1 to 4)' },
      vm: flag('A real virtual machine in a private network (root, QEMU)'),
    },
    () => import('./lab.ts'),
    'runLab',
  ),
  row(
    'neighbours',
    'List the hosts seen on the networks of this rack',
    { config, json, interface: option('Only hosts behind this interface') },
    () => import('./neighbours.ts'),
    'listNeighbours',
  ),
  action(
    'trace [machine]',
    'What a machine did, step by step',
    {
      machine: {
        type: 'string',
        describe: 'Its hardware address, address, hostname or system id; if omitted, list all machines heard',
      },
      config,
      json,
      follow: { type: 'boolean', alias: 'f', default: false, describe: 'Keep printing steps as they happen' },
      since: option('Only steps of the last 90s, 10m, 2h or 1d'),
    },
    async (argv) => {
      const { listSeen, traceMachine } = await import('./trace.ts');
      const { machine } = argv;
      return machine === undefined ? await listSeen(argv) : await traceMachine({ ...argv, machine });
    },
  ),
  row(
    'why <machine>',
    'What a machine would get if it booted now, and why',
    {
      machine: requiredArgument(),
      config,
      json,
      arch: option('bios, uefi-amd64, uefi-arm64, uefi-i386, uefi-http-amd64, uefi-http-arm64 or ipxe'),
    },
    () => import('./why.ts'),
    'explainMachine',
  ),
  row(
    'log-level [room] [level]',
    'Show the levels of the log, or change them for a while',
    {
      room: { type: 'string', describe: 'A room such as dhcp or tftp, or a level for all' },
      level: { type: 'string', describe: 'debug, info, warning, error; or configured, to go back' },
      config,
      json,
      for: { ...text, default: '10m', describe: 'How long until the configured level returns' },
    },
    () => import('./log-level.ts'),
    'setLogLevel',
  ),
];
