// Explains unusable arguments: the mistake, the name that was probably meant, and where to read on.

import { findNearestName } from '../ground/nearest-name.ts';
import { NAMED_COMMANDS } from './terminal/named-commands.ts';

export class UsageError extends Error {
  /** The help of the command being parsed. */
  readonly help: Promise<string>;

  constructor(message: string, help: Promise<string>) {
    super(message);
    this.help = help;
  }
}

/** The options of all commands: before a misspelt command the parser does not know them. */
const OF_ALL_COMMANDS: ReadonlySet<string> = new Set(['config', 'json']);

/** Words from other tools, too different for the spelling check. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ['create', 'add'],
  ['del', 'remove'],
  ['delete', 'remove'],
  ['logs', 'events'],
  ['ls', 'list'],
  ['nodes', 'machines'],
  ['rm', 'remove'],
  ['serve', 'run'],
  ['start', 'run'],
]);

/** Commands suggested to a person who left out the group. */
const GROUPS_SHOWN_MAX = 8;

/** The lines to print for mistyped arguments. */
export async function explainUsage({ message, help }: UsageError, args: readonly string[]): Promise<string> {
  const text = await help;
  const choice = explainChoice(message, text);
  if (choice !== undefined) return choice;
  const [, unknown = ''] = /^Unknown arguments?: (.*)$/.exec(message) ?? [];
  const names = unknown.split(', ').filter((name) => name !== '' && !OF_ALL_COMMANDS.has(name));
  const { options, commands } = findHelpNames(text);
  const isCommand = (name: string): boolean => args.includes(name) && !args.includes(`--${name}`);
  // After a misspelt command its arguments and options are unknown, too.
  const word = commands.length === 0 ? undefined : names.find(isCommand);
  if (word !== undefined && commands.includes(word)) return complain(text, `write the options after ${word}`, []);
  if (word !== undefined) return complain(text, `there is no "${word}" here`, commandsFor(word, text));
  const nearest = (name: string): string | undefined => findNearestName(name, options);
  const written = names.find((name) => nearest(name) !== undefined) ?? names[0];
  if (written === undefined) return complain(text, missingText(message, text) ?? message, []);
  const suggestion = nearest(written);
  return complain(
    text,
    `there is no "${asTyped(written, args)}" here`,
    suggestion === undefined ? [] : [`--${suggestion}`],
  );
}

/** The unknown word, with the dashes of an option if it was typed as one. */
const asTyped = (word: string, args: readonly string[]): string =>
  ['--', '-']
    .map((dashes) => `${dashes}${word}`)
    .find((option) => args.some((arg) => arg.split('=', 1)[0] === option)) ?? word;

/** Explains a value that an option or argument does not accept. */
function explainChoice(message: string, help: string): string | undefined {
  const [, name = '', given, list = ''] =
    /^Invalid values:\s+Argument: ([\w-]+), Given: "([^"]*)", Choices: (.*)$/m.exec(message) ?? [];
  if (given === undefined) return undefined;
  const choices = [...list.matchAll(/"([^"]*)"/g)].map(([, choice = '']) => choice);
  const nearest = findNearestName(given.toLowerCase(), choices);
  const where = findHelpNames(help).options.includes(name) ? `--${name}` : `<${name}>`;
  const problem = `"${given}" is not a value of ${where}, which takes ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
  return complain(help, problem, nearest === undefined ? [] : [nearest]);
}

function complain(help: string, said: string, meant: readonly string[]): string {
  const last = meant.at(-1);
  const list = meant.length > 1 ? `${meant.slice(0, -1).join(', ')} or ${last}` : last;
  return `rackboot: ${said}${list === undefined ? '' : `. Did you mean ${list}?`}\nSee ${findCommandName(help)} --help.`;
}

/** The commands that an unknown word may mean, as typed after the correct words. */
function commandsFor(word: string, help: string): readonly string[] {
  const { commands } = findHelpNames(help);
  const other = OTHER_WORDS.get(word) ?? '';
  if (commands.includes(other)) return [other];
  const isAtTop = findCommandName(help) === 'rackboot';
  const groups = isAtTop
    ? Object.entries(NAMED_COMMANDS).map(([group, names]) => ({ group, names: names.split(' ') }))
    : [];
  const inGroups = (wanted = ''): readonly string[] =>
    groups
      .filter(({ names }) => wanted !== '' && names.includes(wanted))
      .map(({ group }) => `${group} ${wanted}`)
      .slice(0, GROUPS_SHOWN_MAX);
  const moved = [word, other].map(inGroups).find((list) => list.length > 0);
  if (moved !== undefined) return moved;
  const near = findNearestName(word, isAtTop ? [...commands, 'help'] : commands);
  if (near !== undefined) return [near];
  return inGroups(findNearestName(word, [...new Set(groups.flatMap(({ names }) => names))]));
}

/** The complaint about a missing word, or about words that exclude each other. */
function missingText(message: string, help: string): string | undefined {
  const options = /^Missing required arguments?: (.*)$/.exec(message)?.[1]?.split(', ');
  if (options !== undefined)
    return `${options.map((name) => `--${name}`).join(' and ')} ${options.length === 1 ? 'is' : 'are'} missing`;
  const [, valueless] = /^Not enough arguments following: (.*)$/.exec(message) ?? [];
  if (valueless !== undefined) return `--${valueless} needs a value after it`;
  const [, one, other] = /^Arguments (\S+) and (\S+) are mutually exclusive$/.exec(message) ?? [];
  if (one !== undefined) return `--${one} and --${other} exclude each other: name one of them`;
  const count = /^Not enough non-option arguments: got (\d+)/.exec(message)?.[1];
  if (count === undefined) return undefined;
  const demanded = help.split('\n', 1)[0]?.match(/<[\w.-]+>/g) ?? [];
  const missing = demanded.slice(Number(count));
  if (missing.length === 0) return 'an argument is missing';
  const hint = missing.some((name) => name.slice(1, -1) === 'system')
    ? '; `sudo rackboot images list` shows the systems'
    : '';
  return `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing${hint}`;
}

function findHelpNames(help: string): { readonly options: readonly string[]; readonly commands: readonly string[] } {
  const command = findCommandName(help);
  const options: string[] = [];
  const commands: string[] = [];
  for (const line of help.split('\n')) {
    const option = /^\s+(?:-\w, )?--([\w-]+)/.exec(line)?.[1];
    if (option !== undefined) options.push(option);
    const below = line.trim().startsWith(`${command} `) ? line.trim().slice(command.length + 1) : '';
    const word = /^[a-z][a-z-]*/.exec(below)?.[0];
    if (word !== undefined && line.startsWith(' ')) commands.push(word);
  }
  return { options, commands };
}

/** The name of a command from the first line of its help: `rackboot leases list`. */
function findCommandName(help: string): string {
  const words = help.split('\n', 1)[0]?.split(' ') ?? [];
  const end = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  return words.slice(0, end === -1 ? words.length : end).join(' ') || 'rackboot';
}
