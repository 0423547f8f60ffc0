// Arguments that cannot be used: what is said of them, with the name that was meant and where to read on.

import { nearestName } from '../nearest-name.ts';

/** What cannot be used as arguments. */
export class UsageError extends Error {
  /** The help of the command that was being read. */
  readonly help: Promise<string>;

  constructor(message: string, help: Promise<string>) {
    super(message);
    this.help = help;
  }
}

/** What stands before a misspelt command is no mistake. */
const OF_ALL_COMMANDS: ReadonlySet<string> = new Set(['config', 'json']);

/** The lines for a person who mistyped. */
export async function explainUsage({ message, help }: UsageError): Promise<string> {
  const text = await help;
  const [, unknown = ''] = /^Unknown arguments?: (.*)$/.exec(message) ?? [];
  const names = unknown.split(', ').filter((name) => name !== '' && !OF_ALL_COMMANDS.has(name));
  const known = namesIn(text);
  const nearest = (name: string): string | undefined => nearestName(name, [...known.keys()]);
  // Behind a misspelt command its arguments are unknown, too: one is told of, and of those the one that was meant as something else.
  const written = names.find((name) => nearest(name) !== undefined) ?? names[0];
  const meant = known.get(nearest(written ?? '') ?? '');
  const complaint = message.startsWith('Not enough non-option arguments') ? 'an argument is missing' : message;
  const said = written === undefined ? complaint : `there is no "${written}" here`;
  const question = meant === undefined ? '' : `. Did you mean ${meant}?`;
  return `rackboot: ${said}${question}\nSee ${commandOf(text)} --help.`;
}

/** The options and commands that a help lists, with how each is written. */
function namesIn(help: string): ReadonlyMap<string, string> {
  const command = commandOf(help);
  const names = new Map<string, string>();
  for (const line of help.split('\n')) {
    const option = /^\s+(?:-\w, )?--([\w-]+)/.exec(line)?.[1];
    if (option !== undefined) names.set(option, `--${option}`);
    const below = line.trim().startsWith(`${command} `) ? line.trim().slice(command.length + 1) : '';
    const word = /^[a-z][a-z-]*/.exec(below)?.[0];
    if (word !== undefined) names.set(word, word);
  }
  return names;
}

/** The words of the command that a help is of, from its first line: `rackboot leases list`. */
function commandOf(help: string): string {
  const words = help.split('\n', 1)[0]?.split(' ') ?? [];
  const end = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  return words.slice(0, end === -1 ? words.length : end).join(' ') || 'rackboot';
}
