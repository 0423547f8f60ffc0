// The commands, one file each. A command's own code loads only when it runs, so that `run` starts fast. Called as the service calls it
// (`run --config FILE`), `run` also skips the parser, whose loading takes 50 ms of processor time.

import type { Argv } from 'yargs';
import { DEFAULT_STATE_DIR } from '../config/state-dir.ts';
import { DEFAULT_CONFIG } from '../control/default-config.ts';
import { RackError } from '../errors.ts';
import { captureCommands, nameStandardInput } from './captures/commands.ts';
import { configCommands } from './config/commands.ts';
import { forgottenDashes } from './forgotten-dashes.ts';
import { asksForHelp, COMMAND_GROUPS, groupedHelp, nameHelp } from './help.ts';
import { imageCommands } from './images/commands.ts';
import { leasesCommand } from './leases/commands.ts';
import { machinesCommand } from './machines/commands.ts';
import { sshkeysCommand } from './machines/life-commands.ts';
import { powerCommands } from './machines/power-commands.ts';
import { preseedCommands } from './machines/preseed-commands.ts';
import { scriptsCommand } from './machines/script-commands.ts';
import { print, printError, printFailure } from './output.ts';
import { peopleCommands } from './people/commands.ts';
import { neighboursCommand } from './rack/neighbour-commands.ts';
import { regionCommands } from './region/commands.ts';
import { explainUsage, UsageError } from './usage-error.ts';
import { readVersion } from './version.ts';

const config = {
  type: 'string',
  default: process.env.RACKBOOT_CONFIG ?? DEFAULT_CONFIG,
  describe: 'Configuration file (also RACKBOOT_CONFIG)',
  requiresArg: true,
} as const;
const json = { type: 'boolean', default: false, describe: 'Print JSON' } as const;
const text = { type: 'string', requiresArg: true } as const;
const DIFF = 'Show what it would change in the running daemon';

/** Runs one command. @returns the exit code. */
export async function runCommandLine(written: readonly string[]): Promise<number> {
  const args = nameHelp(written);
  let code = 0;
  const finish = (result: number): void => {
    code = result;
  };
  try {
    const [command, flag, file, ...rest] = args;
    if (command === 'run' && flag === '--config' && file !== undefined && rest.length === 0) {
      const { runDaemon } = await import('./rack/run.ts');
      return await runDaemon(file);
    }
    const forgotten = forgottenDashes(args, process.env);
    if (forgotten !== undefined) {
      printError(forgotten);
      return 2;
    }
    const parser = await commandParser(args, finish);
    if (asksForHelp(args)) print(await groupedHelp(parser, process.stdout.columns));
    else await parser.parseAsync();
  } catch (error) {
    if (error instanceof UsageError) {
      printError(await explainUsage(error, { args, groupHelps }));
      return 2;
    }
    printFailure(error);
    return error instanceof RackError && error.code === 'bad-argument' ? 2 : 1;
  }
  return code;
}

type Finish = (code: number) => void;

/** The help of each visible command; the help of a group lists its commands. */
async function groupHelps(): Promise<readonly string[]> {
  const helps: string[] = [];
  for (const command of COMMAND_GROUPS.flatMap(({ commands }) => commands)) {
    const parser = await commandParser([command], () => undefined);
    helps.push(await parser.getHelp());
  }
  return helps;
}

/** The parser for `args`, with every command. It calls `finish` with the exit code of the command that ran. */
export async function commandParser(args: readonly string[], finish: Finish): Promise<Parser> {
  const { default: yargs } = await import('yargs');
  return addCommands(yargs([...nameStandardInput(args)]), finish);
}

/** Adds all commands to a parser that has none. */
export function addCommands(parser: Argv, finish: Finish): Parser {
  const shared = { config, json };
  const daemons = labCommand(daemonCommands(accountCommands(base(parser), finish), finish), finish);
  const hosts = neighboursCommand(daemons, shared, finish);
  const images = imageCommands(configCommands(hosts, shared, finish), shared, finish);
  const scripts = scriptsCommand(machineCommands(images, finish), shared, finish);
  const people = peopleCommands(powerCommands(scripts, shared, finish), shared, finish);
  const machines = sshkeysCommand(people, shared, finish);
  const regions = regionCommands(timelineCommands(machines, finish), shared, finish);
  return captureCommands(preseedCommands(regions, shared, finish), shared, finish);
}

function base(parser: Argv) {
  return parser
    .scriptName('rackboot')
    .usage('$0 COMMAND\n\nNetwork boot for bare metal: DHCP, TFTP, HTTP, DNS, and the region they report to.')
    .version(readVersion())
    .strict()
    .demandCommand(1, 'name a command')
    .help()
    .alias('h', 'help')
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .fail((message, error) => {
      // Complaints of the parser itself are mistakes of the user, not bugs.
      throw error === undefined || error.name === 'YError' ? new UsageError(message, parser.getHelp()) : error;
    });
}

type Parser = ReturnType<typeof base>;

function daemonCommands(parser: Parser, finish: Finish): Parser {
  return parser
    .command('run', 'Run the rack (what the service runs)', { config }, async (argv) => {
      const { runDaemon } = await import('./rack/run.ts');
      finish(await runDaemon(argv.config));
    })
    .command(
      'check [file]',
      'Check a configuration file, also against this host',
      (command) =>
        command
          .positional('file', { type: 'string', describe: 'Instead of --config' })
          .options({ config, json, diff: { type: 'boolean', default: false, describe: DIFF } }),
      async (argv) => {
        const { checkFile, showDifference } = await import('./config/check.ts');
        const file = argv.file ?? argv.config;
        finish(await (argv.diff ? showDifference(file, argv.config, argv.json) : checkFile(file, argv.json)));
      },
    )
    .command('status', 'Show what the running rack serves', { config, json }, async (argv) => {
      const { showStatus } = await import('./rack/status.ts');
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
        const { runDoctor } = await import('./rack/doctor.ts');
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
        const { runOutbox } = await import('./rack/outbox.ts');
        finish(await runOutbox(argv));
      },
    )
    .command('warm', false, {}, async () => {
      const { warmCache } = await import('./rack/warm.ts');
      finish(await warmCache());
    });
}

/** The laboratory of `npm start`. */
function labCommand(parser: Parser, finish: Finish): Parser {
  return parser.command(
    'lab',
    'A safe lab: simulated machines that you accept, deploy, release',
    {
      machines: { type: 'number', requiresArg: true, default: 1, describe: 'Number of simulated machines (1 to 200)' },
      racks: { type: 'number', requiresArg: true, default: 1, describe: 'Racks that report to one region (1 to 4)' },
      vm: { type: 'boolean', default: false, describe: 'A real virtual machine in a private network (root, QEMU)' },
    },
    async (argv) => {
      const { runLab } = await import('./rack/lab.ts');
      finish(await runLab(argv));
    },
  );
}

/** Commands that show what machines did and what they would get. */
function timelineCommands(parser: Parser, finish: Finish): Parser {
  return parser
    .command(
      'trace [machine]',
      'What a machine did, step by step',
      (command) =>
        command
          .positional('machine', {
            type: 'string',
            describe: 'Its hardware address, address, hostname or system id; without it, all machines heard',
          })
          .options({
            config,
            json,
            follow: { type: 'boolean', alias: 'f', default: false, describe: 'Keep printing steps as they happen' },
            since: { ...text, describe: 'Only steps of the last 90s, 10m, 2h or 1d' },
          }),
      async (argv) => {
        const [{ listSeen, traceMachine }, { systemClock }] = await Promise.all([
          import('./rack/trace.ts'),
          import('../clock.ts'),
        ]);
        const { machine, ...rest } = argv;
        finish(
          machine === undefined
            ? await listSeen(argv.config, argv.json)
            : await traceMachine({ ...rest, machine }, () => systemClock.wallTimeMs()),
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
        const { explainMachine } = await import('./rack/why.ts');
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
        const { setLogLevel } = await import('./rack/log-level.ts');
        finish(await setLogLevel(argv));
      },
    );
}

function machineCommands(parser: Parser, finish: Finish): Parser {
  return leasesCommand(machinesCommand(parser, { config, json }, finish), { config, json }, finish);
}

function accountCommands(parser: Parser, finish: Finish): Parser {
  return parser
    .command(
      'init',
      'Write a configuration for this host, from questions or flags',
      {
        config,
        'state-dir': { ...text, default: DEFAULT_STATE_DIR, describe: 'Directory of the state' },
        name: { ...text, describe: "This rack's name" },
        interface: { ...text, describe: 'Interface of the machines' },
        mode: {
          choices: ['server', 'proxy'] as const,
          describe: 'Who gives the addresses: this rack, or another DHCP server',
        },
        low: { ...text, describe: 'First address of the dynamic range' },
        high: { ...text, describe: 'Last address of the dynamic range' },
        'static-low': { ...text, describe: 'First address of the static range' },
        'static-high': { ...text, describe: 'Last address of the static range' },
        router: { ...text, describe: 'Router offered to machines' },
        upstream: { ...text, describe: 'Upstream DNS servers' },
        domain: { ...text, default: 'maas', describe: 'Domain of the machines' },
        region: { ...text, describe: 'URL of a region elsewhere; the network then goes into the file' },
        yes: { type: 'boolean', alias: 'y', default: false, describe: 'Accept every proposal without asking' },
        force: { type: 'boolean', default: false, describe: 'Replace an existing file' },
      },
      async (argv) => {
        const { initConfig } = await import('./config/init.ts');
        await initConfig(argv);
        finish(0);
      },
    )
    .command(
      'createadmin',
      'Create an administrator of the region',
      {
        config,
        username: { ...text, demandOption: true },
        email: { ...text, default: '' },
        password: { ...text, describe: 'Visible in the list of processes: prefer --password-file, or the prompt' },
        'password-file': { ...text, describe: 'File with the password in its first line; - reads standard input' },
      },
      async (argv) => {
        const { createAdministrator } = await import('./people/accounts.ts');
        finish(await createAdministrator(argv));
      },
    )
    .command(
      'apikey',
      'Create an API key for a user; prints only the key',
      {
        config,
        username: { ...text, demandOption: true },
        name: { ...text, default: 'command line', describe: 'What the key is for' },
        list: { type: 'boolean', conflicts: 'remove', describe: "Show the user's keys instead, without their secrets" },
        remove: { ...text, describe: 'Remove this key instead: its second part, as --list shows it' },
      },
      async (argv) => {
        const { printApiKey } = await import('./people/accounts.ts');
        finish(await printApiKey(argv));
      },
    );
}
