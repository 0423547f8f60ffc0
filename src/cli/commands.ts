// All commands, assembled from the `commands.ts` of each noun's folder. A command's own code loads
// only when it runs.

import type { Argv } from 'yargs';
import { readBuild } from '../files/program-version.ts';
import { nameStandardInput, REPLAY_COMMAND } from './captures/commands.ts';
import { clientCommands } from './clients/commands.ts';
import { COMPLETION_COMMAND } from './completion/commands.ts';
import { CONFIG_COMMANDS } from './config/commands.ts';
import { HOST_COMMANDS } from './config/hosts-commands.ts';
import { NETWORK_COMMANDS } from './config/networks-commands.ts';
import { asksForHelp, groupedHelp } from './help.ts';
import { IMAGE_COMMANDS, LOADER_COMMANDS } from './images/commands.ts';
import { LEASE_COMMANDS } from './leases/commands.ts';
import {
  MACHINE_COMMANDS,
  POWER_COMMANDS,
  PRESEED_COMMANDS,
  SCRIPT_COMMANDS,
  SSH_KEY_COMMANDS,
} from './machines/commands.ts';
import { findOperationNoun, mayBeOperation, operationCommands, withOwnNoun } from './operations/commands.ts';
import { PEOPLE_COMMANDS } from './people/commands.ts';
import { RACK_COMMANDS } from './rack/commands.ts';
import { REGION_COMMANDS } from './region/commands.ts';
import { addRows, YARGS_ERROR } from './terminal/command-table.ts';
import { print, printError } from './terminal/output.ts';
import { config, json } from './terminal/shared-options.ts';
import { explainUsage, UsageError } from './usage-error.ts';

// `npm start --machines 4`: npm keeps every option before `--` for itself and passes the rest on.

/** The options of `npm start`, and whether each takes a value. */
const OPTIONS: readonly (readonly [name: string, hasValue: boolean])[] = [
  ['machines', true],
  ['racks', true],
  ['vm', false],
];

/**
 * The hint for a person who left out npm's `--`.
 * @param args the words of the command line @param environment holds the options that npm kept
 */
export function forgottenDashes(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const [command, ...rest] = args;
  if (command !== 'lab' || environment.npm_lifecycle_event !== 'start') return undefined;
  const options = OPTIONS.filter(([name]) => environment[`npm_config_${name}`] !== undefined);
  if (options.length === 0) return undefined;
  const values = rest.filter((word) => !word.startsWith('-'));
  const words = options.map(([name, hasValue]) => {
    const value = environment[`npm_config_${name}`] ?? '';
    return hasValue ? `--${name} ${/^\d+$/.test(value) ? value : (values.shift() ?? 'N')}` : `--${name}`;
  });
  const also = rest.filter((word) => word.startsWith('-'));
  const names = options.map(([name]) => `--${name}`).join(' and ');
  return `rackboot: npm kept ${names} for itself. Put -- before the options: npm start -- ${[...words, ...also].join(' ')}`;
}

/** The shell's script puts it before the name of the program and the words of the line. */
const COMPLETION_OPTION = '--get-yargs-completions';
const shared = { config, json };

/** @returns the exit code */
export async function runCommand(written: readonly string[]): Promise<number> {
  const args = withOwnNoun(written);
  const forgotten = forgottenDashes(args, process.env);
  if (forgotten !== undefined) {
    printError(forgotten);
    return 2;
  }
  if (args[0] !== COMPLETION_OPTION) return await runTyped(args);
  const { dropProgram, proposalsFor } = await import('./completion/proposals.ts');
  const { words, parserLine } = await proposalsFor(dropProgram(args.slice(1)));
  const isFirstWord = parserLine !== undefined && parserLine.length <= 1;
  // Own commands come before the nouns of the API.
  for (const word of [...(isFirstWord ? await ownCommands(parserLine) : []), ...words]) print(word);
  return parserLine === undefined || isFirstWord ? 0 : await runTyped([COMPLETION_OPTION, 'rackboot', ...parserLine]);
}

/** What the parser proposes for the first word. */
async function ownCommands(line: readonly string[]): Promise<readonly string[]> {
  const { default: yargs } = await import('yargs');
  return (await addCommands(yargs([]), () => undefined).getCompletion(['rackboot', ...line])).toSorted();
}

async function runTyped(args: readonly string[]): Promise<number> {
  let code = 0;
  try {
    const parser = await commandParser(args, (result) => {
      code = result;
    });
    if (asksForHelp(args)) print(await groupedHelp(parser, process.stdout.columns));
    else await parser.parseAsync();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    printError(await explainUsage(error, args));
    return 2;
  }
  return code;
}

type Finish = (code: number) => void;

/**
 * A parser with every command or, if `args` name an operation of the API, with the operations of
 * that noun only. `finish` gets the exit code of the command that ran.
 */
export async function commandParser(args: readonly string[], finish: Finish): Promise<Parser> {
  const { default: yargs } = await import('yargs');
  if (mayBeOperation(args)) {
    const { ownNouns } = await import('./operations/own-nouns.ts');
    const noun = findOperationNoun(ownNouns(), args);
    if (noun !== undefined) return operationCommands(base(yargs([noun.name, ...args.slice(1)])), noun, shared, finish);
  }
  return addCommands(yargs([...nameStandardInput(args)]), finish);
}

export function addCommands(parser: Argv, finish: Finish): Parser {
  const all = base(parser);
  addRows(all, [COMPLETION_COMMAND, ...RACK_COMMANDS, ...CONFIG_COMMANDS], finish);
  const own = [
    IMAGE_COMMANDS,
    LOADER_COMMANDS,
    MACHINE_COMMANDS,
    HOST_COMMANDS,
    NETWORK_COMMANDS,
    LEASE_COMMANDS,
    SCRIPT_COMMANDS,
    POWER_COMMANDS,
  ];
  const people = [...PEOPLE_COMMANDS, SSH_KEY_COMMANDS, ...REGION_COMMANDS, ...clientCommands(runCommand)];
  addRows(all, [...own, ...people, PRESEED_COMMANDS, REPLAY_COMMAND], finish);
  return all;
}

function base(parser: Argv) {
  return parser
    .scriptName('rackboot')
    .usage('$0 COMMAND\n\nNetwork boot for bare metal: DHCP, TFTP, HTTP, DNS, and the region they report to.')
    .version(readBuild())
    .strict()
    .demandCommand(1, 'name a command')
    .help()
    .alias('h', 'help')
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .fail((message, error) => {
      // Mistakes of the user, not bugs.
      throw error === undefined || error.name === YARGS_ERROR ? new UsageError(message, parser.getHelp()) : error;
    });
}

type Parser = ReturnType<typeof base>;
