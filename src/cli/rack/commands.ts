// The table of the commands about the running rack: `run`, `backup`, `restore`, `status`, `doctor`, `outbox`, `lab`, `trace`, `why`, `log-level`, `neighbours`.

import type { Argv } from 'yargs';
import { ofRack, type SharedOptions } from '../terminal/shared-options.ts';

type Finish = (code: number) => void;

const text = { type: 'string', requiresArg: true } as const;

/** Adds the commands about the running rack to a command line. */
export function rackCommands<T>(parser: Argv<T>, shared: SharedOptions, finish: Finish) {
  const daemons = labCommand(daemonCommands(parser, shared, finish), finish);
  return timelineCommands(neighboursCommand(daemons, shared, finish), shared, finish);
}

function daemonCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  return parser
    .command('run', 'Run the rack (what the service runs)', { config: ofRack(config) }, async (argv) => {
      const { runDaemon } = await import('./run.ts');
      finish(await runDaemon(argv.config));
    })
    .command(
      'backup <file>',
      'Write what this rack keeps, but no images, into one file',
      (backup) =>
        backup
          .positional('file', { type: 'string', demandOption: true, describe: 'The new file' })
          .options({ config, json }),
      async (argv) => {
        const { backUpRack } = await import('./backup.ts');
        finish(backUpRack(argv));
      },
    )
    .command(
      'restore <file>',
      'Put a backup of a rack back, while no rack runs there',
      (restore) =>
        restore.positional('file', { type: 'string', demandOption: true, describe: 'A file of `backup`' }).options({
          config,
          json,
          force: { type: 'boolean', default: false, describe: 'Replace a state and a configuration that are here' },
          'state-only': {
            type: 'boolean',
            default: false,
            describe: 'Keep the configuration of this host, which names the state directory',
          },
        }),
      async (argv) => {
        const { restoreRack } = await import('./backup.ts');
        finish(await restoreRack({ ...argv, stateOnly: argv.stateOnly }));
      },
    )
    .command('status', 'Show what the running rack serves', { config, json }, async (argv) => {
      const { showStatus } = await import('./status.ts');
      finish(await showStatus(argv.config, argv.json));
    })
    .command(
      'doctor',
      'Query the running rack as a machine would, and report what is wrong',
      {
        config,
        json,
        'outside-name': { ...text, describe: 'A name outside this network to look up' },
        'fix-hint': {
          type: 'boolean',
          default: false,
          describe: 'Also check this host, and name the fix for each fault',
        },
      },
      async (argv) => {
        const { runDoctor } = await import('./doctor.ts');
        finish(await runDoctor(argv.config, argv));
      },
    )
    .command(
      'outbox',
      'Events that wait for a remote region, and those it refused',
      {
        config,
        json,
        dead: { type: 'boolean', default: false, describe: 'Show dead letters: events the region refused for good' },
        retry: { type: 'number', requiresArg: true, describe: 'Send this dead letter once more' },
        drop: { type: 'number', requiresArg: true, describe: 'Remove this dead letter' },
      },
      async (argv) => {
        const { runOutbox } = await import('./outbox.ts');
        finish(await runOutbox(argv));
      },
    )
    .command('warm', false, {}, async () => {
      const { warmCache } = await import('./warm.ts');
      finish(await warmCache());
    });
}

/** The laboratory of `npm start`. */
function labCommand<T>(parser: Argv<T>, finish: Finish) {
  return parser.command(
    'lab',
    'A safe lab: simulated machines that you accept, deploy, release',
    {
      machines: { type: 'number', requiresArg: true, default: 1, describe: 'Number of simulated machines (1 to 200)' },
      racks: { type: 'number', requiresArg: true, default: 1, describe: 'Racks that report to one region (1 to 4)' },
      vm: { type: 'boolean', default: false, describe: 'A real virtual machine in a private network (root, QEMU)' },
    },
    async (argv) => {
      const { runLab } = await import('./lab.ts');
      finish(await runLab(argv));
    },
  );
}

/** Commands that show what machines did and what they would get. */
function timelineCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  return parser
    .command(
      'trace [machine]',
      'What a machine did, step by step',
      (command) =>
        command
          .positional('machine', {
            type: 'string',
            describe: 'Its hardware address, address, hostname or system id; if omitted, list all machines heard',
          })
          .options({
            config,
            json,
            follow: { type: 'boolean', alias: 'f', default: false, describe: 'Keep printing steps as they happen' },
            since: { ...text, describe: 'Only steps of the last 90s, 10m, 2h or 1d' },
          }),
      async (argv) => {
        const [{ listSeen, traceMachine }, { systemClock }] = await Promise.all([
          import('./trace.ts'),
          import('../../clock.ts'),
        ]);
        const { machine } = argv;
        finish(
          machine === undefined
            ? await listSeen(argv.config, argv.json)
            : await traceMachine({ ...argv, machine }, () => systemClock.wallTimeMs()),
        );
      },
    )
    .command(
      'why <machine>',
      'What a machine would get if it booted now, and why',
      (command) =>
        command.positional('machine', { type: 'string', demandOption: true }).options({
          config,
          json,
          arch: {
            ...text,
            describe: 'bios, uefi-amd64, uefi-arm64, uefi-i386, uefi-http-amd64, uefi-http-arm64 or ipxe',
          },
        }),
      async (argv) => {
        const { explainMachine } = await import('./why.ts');
        finish(await explainMachine(argv));
      },
    )
    .command(
      'log-level [room] [level]',
      'Show the levels of the log, or change them for a while',
      (command) =>
        command
          .positional('room', { type: 'string', describe: 'A room such as dhcp or tftp, or a level for all' })
          .positional('level', { type: 'string', describe: 'debug, info, warning, error; or configured, to go back' })
          .options({
            config,
            json,
            for: { ...text, default: '10m', describe: 'How long until the configured level returns' },
          }),
      async (argv) => {
        const { setLogLevel } = await import('./log-level.ts');
        finish(await setLogLevel(argv));
      },
    );
}

/** The hosts on the networks of this rack. */
function neighboursCommand<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  return parser.command(
    'neighbours',
    'List the hosts seen on the networks of this rack',
    {
      config,
      json,
      interface: { type: 'string', requiresArg: true, describe: 'Only hosts behind this interface' },
    },
    async (argv) => {
      const { listNeighbours } = await import('./neighbours.ts');
      finish(await listNeighbours(argv));
    },
  );
}
