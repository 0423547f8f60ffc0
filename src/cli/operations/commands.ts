// The commands generated from the table of operations: `rackboot node-groups list`,
// `rackboot node-group-interface update UUID eth0 …`.
//
// 1. Rackboot's own commands come first.

import type { Argv } from 'yargs';
import { findByName, getSummary, listParameters, type Noun } from '../clients/description.ts';
import { refuseTwice } from '../terminal/command-table.ts';
import { NAMED_COMMANDS } from '../terminal/named-commands.ts';
import type { SharedOptions } from '../terminal/shared-options.ts';

/** Commands without subcommands and arguments: a word after them can only name an operation. */
const WITHOUT_ARGUMENTS: ReadonlySet<string> = new Set(['events']);

/**
 * The subcommands of Rackboot's own command for a noun, between spaces; undefined: there is no such
 * command.
 */
const ownSubcommands = (noun: string): string | undefined =>
  Object.hasOwn(NAMED_COMMANDS, noun) ? NAMED_COMMANDS[noun] : undefined;

export const isOwnCommand = (name: string): boolean => ownSubcommands(name) !== undefined;

export const OPERATION_OPTIONS = ['--api', '--config', '--help', '--json', '--profile'];

/** The arguments with Rackboot's own spelling of the noun: `ssh-keys` is `sshkeys`. */
export function withOwnNoun(args: readonly string[]): readonly string[] {
  const [word = '', ...rest] = args;
  if (word.startsWith('-') || ownSubcommands(word) !== undefined) return args;
  const own = findByName(
    Object.keys(NAMED_COMMANDS).map((name) => ({ name })),
    word,
  );
  return own === undefined ? args : [own.name, ...rest];
}

/** True if the table of operations may have these words. */
export function mayBeOperation([noun = '-', action = '-']: readonly string[]): boolean {
  if (noun.startsWith('-')) return false;
  const own = ownSubcommands(noun);
  const isGroup = own !== '' || WITHOUT_ARGUMENTS.has(noun);
  return own === undefined || (isGroup && !action.startsWith('-') && !own.split(' ').includes(action));
}

/**
 * The noun of the table that these words name; undefined: there is none, or Rackboot's own command
 * reports their mistake.
 */
export function findOperationNoun(
  nouns: readonly Noun[],
  [word = '', action = '']: readonly string[],
): Noun | undefined {
  const noun = findByName(nouns, word);
  const isNamed =
    noun !== undefined && (ownSubcommands(word) === undefined || findByName(noun.actions, action) !== undefined);
  return isNamed ? noun : undefined;
}

/** The actions that are not subcommands of Rackboot's own command. */
export const untaken = ({ name, actions }: Noun): Noun['actions'] =>
  actions.filter((action) => !(ownSubcommands(name) ?? '').split(' ').includes(action.name));

export function operationCommands<T>(
  parser: Argv<T>,
  noun: Noun,
  { config, json }: SharedOptions,
  finish: (code: number) => void,
): Argv<T> {
  const options = {
    config,
    json,
    profile: { type: 'string', requiresArg: true, describe: "Ask this profile's region instead of this host's" },
    api: {
      type: 'string',
      choices: ['1.0', '2.0'] as const,
      describe: 'The version whose operation comes first; default: 2.0',
    },
  } as const;
  return parser.command(noun.name, `Operations on ${noun.name}`, (group) => {
    for (const action of untaken(noun)) {
      const places = action.pathParameters.map((place) => `<${place}>`);
      const takes = listParameters(action);
      // As Rackboot's own commands name it.
      const isList = action.name === 'read' && places.length === 0 && findByName(noun.actions, 'list') === undefined;
      const text = action.doc.split('\n').slice(1).join('\n').trim();
      group.command(
        [[action.name, ...places, '[fields..]'].join(' '), ...(isList ? ['list'] : [])],
        getSummary(action),
        (command) => {
          refuseTwice(command, options);
          for (const place of action.pathParameters) command.positional(place, { type: 'string', demandOption: true });
          const fields =
            takes.length === 0 ? 'KEY=VALUE, if the operation takes any' : 'KEY=VALUE, or KEY@=FILE for a file';
          return command
            .positional('fields', { type: 'string', array: true, describe: fields })
            .options(options)
            .epilogue(text.replace(/^:param ([\w.-]+): ?/gm, '$1  '));
        },
        async (argv) => {
          const { runOperation } = await import('./run.ts');
          const chosen = argv.api === '1.0' ? await preferVersion1(noun, action) : action;
          const words = [...action.pathParameters.map((place) => String(argv[place])), ...(argv.fields ?? [])];
          finish(await runOperation(chosen, words, argv));
        },
      );
    }
    return group.demandCommand(1, 'name an operation').strict();
  });
}

/** The same operation of version 1.0, if that version has it. */
async function preferVersion1(noun: Noun, action: Noun['actions'][number]): Promise<Noun['actions'][number]> {
  const { ownNouns } = await import('./own-nouns.ts');
  const other = findByName(ownNouns('1.0'), noun.name);
  return findByName(other?.actions ?? [], action.name) ?? action;
}
