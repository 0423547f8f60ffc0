// `rackboot --help`: the commands, grouped by task. The parser makes the help of each command.

import type { Argv } from 'yargs';

interface CommandGroup {
  readonly title: string;
  /** The first words of its commands, in the order shown. */
  readonly commands: readonly string[];
}

/** Every visible command, each in one group. */
export const COMMAND_GROUPS: readonly CommandGroup[] = [
  { title: 'Try it', commands: ['lab', 'boot'] },
  { title: 'Set up a rack', commands: ['init', 'check', 'createadmin', 'run', 'config', 'backup', 'restore', 'reset'] },
  { title: 'See what it does', commands: ['status', 'doctor', 'trace', 'why', 'events', 'log-level'] },
  { title: 'Machines', commands: ['machines', 'power', 'scripts', 'tags', 'sshkeys'] },
  { title: 'Images and installers', commands: ['images', 'loaders', 'preseed'] },
  { title: 'Networks', commands: ['networks', 'leases', 'hosts', 'neighbours'] },
  { title: 'People', commands: ['page', 'users', 'password', 'apikey'] },
  { title: 'Several racks', commands: ['racks', 'outbox', 'region'] },
  { title: "MAAS's API", commands: ['login', 'logout', 'maas', 'import-maas'] },
  { title: 'Shell', commands: ['completion'] },
  { title: 'Captured datagrams', commands: ['replay'] },
];

/** The parser breaks no line. */
const UNBROKEN = 1000;
/** Columns of a line if the terminal's width is unknown, and the most. */
const WIDTH = 100;
const WIDTH_MAX = 110;
const MARGIN = 2;
/** Columns between a command and its description. */
const GAP = 2;

/** True if the general help is asked for, not the help of one command. */
export const asksForHelp = (args: readonly string[]): boolean =>
  args.some((word) => word === '--help' || word === '-h') && args.every((word) => word.startsWith('-'));

/** `help machines` is `machines --help`. */
export const nameHelp = ([first, ...rest]: readonly string[]): readonly string[] =>
  first === 'help' ? [...rest, '--help'] : first === undefined ? [] : [first, ...rest];

/** The descriptions in a help, by the first word of each command. */
function describedIn(help: string): ReadonlyMap<string, string> {
  const matches = help.matchAll(/^ {2}rackboot ([a-z][a-z-]*)(?: \S+)* {2,}(.+)$/gm);
  return new Map([...matches].map(([, command = '', text = '']) => [command, text.trim()]));
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** @param width columns of the terminal */
export async function groupedHelp(parser: Argv, width: number = WIDTH): Promise<string> {
  const described = describedIn(await parser.wrap(UNBROKEN).getHelp());
  const column = Math.max(...[...described.keys()].map(({ length }) => length)) + MARGIN + GAP;
  const columns = Math.min(width, WIDTH_MAX);
  const textWidth = Math.max(20, columns - column);
  const groups = COMMAND_GROUPS.map(({ title, commands }) => {
    const lines = commands.flatMap((command) => {
      return wrapped(described.get(command) ?? '', textWidth).map(
        (line, index) => `${' '.repeat(MARGIN)}${index === 0 ? command : ''}`.padEnd(column) + line,
      );
    });
    return [`${title}:`, ...lines].join('\n');
  });
  return [
    'rackboot COMMAND',
    wrapped('Network boot for bare metal: DHCP, TFTP, HTTP, DNS, and the region they report to.', columns).join('\n'),
    ...groups,
    wrapped(
      "The API's operations are commands, too: profiles list. rackboot COMMAND --help shows the arguments of a command, rackboot --version the version.",
      columns,
    ).join('\n'),
  ].join('\n\n');
}
