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

/** The lines for a person who mistyped. */
export async function explainUsage({ message, help }: UsageError): Promise<string> {
  const text = await help;
  const [, unknown = ''] = /^Unknown arguments?: (.*)$/.exec(message) ?? [];
  const names = unknown.split(', ').filter((name) => name !== '');
  // A name of several words is told in both of its spellings.
  const written = names.filter((name) => !/[A-Z]/.test(name) || !names.includes(dashed(name)));
  const complaint = message.startsWith('Not enough non-option arguments') ? 'an argument is missing' : message;
  const said = unknown === '' ? complaint : `there is no ${written.map((name) => `"${name}"`).join(' and no ')} here`;
  const meant = written[0] === undefined ? undefined : nearestName(written[0], namesIn(text));
  const question = meant === undefined ? '' : `. Did you mean ${meant}?`;
  return `rackboot: ${said}${question}\nSee ${commandOf(text)} --help.`;
}

const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The options and commands that a help lists. */
function namesIn(help: string): readonly string[] {
  const command = commandOf(help);
  return help.split('\n').flatMap((line) => {
    const option = /^\s+(?:-\w, )?(--[\w-]+)/.exec(line)?.[1];
    const below = line.trim().startsWith(`${command} `) ? line.trim().slice(command.length + 1) : '';
    const name = option ?? /^[a-z][a-z-]*/.exec(below)?.[0];
    return name === undefined ? [] : [name];
  });
}

/** The words of the command that a help is of, from its first line: `rackboot leases list`. */
function commandOf(help: string): string {
  const words = help.split('\n', 1)[0]?.split(' ') ?? [];
  const end = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  return words.slice(0, end === -1 ? words.length : end).join(' ') || 'rackboot';
}
