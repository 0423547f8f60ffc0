// The pages of man(1), from the tables of commands that `--help` has: rackboot(8), and for each first word of a command one of its own.
//
// Source: man(7).

import yargs from 'yargs';
import { addCommands } from '../src/cli/commands.ts';
import { COMMAND_GROUPS } from '../src/cli/help.ts';
import type { Release } from './release.ts';

/** The parser breaks no line. */
const UNBROKEN = 1000;
const SECTION = 8;
/** Of every command: `rackboot.8` has them. */
const EVERYWHERE = /^(?:--version|-h, --help)$/;
const MONTHS_END = 'YYYY-MM-DD'.length;

/** A line of a help's list: a command, an argument or an option. */
interface Item {
  readonly name: string;
  readonly text: string;
}

interface Help {
  /** The words of the command with its arguments. */
  readonly usage: string;
  readonly about: string;
  readonly lists: ReadonlyMap<string, readonly Item[]>;
}

/** By the name of its file, the text of each page. */
export async function manualPages(release: Release): Promise<ReadonlyMap<string, string>> {
  // The default that a host's own files and variables would change.
  process.env.RACKBOOT_CONFIG = '/etc/rackboot/rackboot.yaml';
  const pages = new Map([[`rackboot.${SECTION}`, await overview(release)]]);
  for (const command of COMMAND_GROUPS.flatMap(({ commands }) => commands))
    pages.set(`rackboot-${command}.${SECTION}`, await pageOf(command, release));
  return pages;
}

async function overview(release: Release): Promise<string> {
  const { lists, about } = await helpFor([]);
  const described = new Map([...lists.values()].flat().map(({ name, text }) => [name.split(' ')[1], text]));
  const groups = COMMAND_GROUPS.map(({ title, commands }) => {
    const items = commands.map((command) => ({
      name: `rackboot-${command}(${SECTION})`,
      text: described.get(command) ?? '',
    }));
    return [`.SS ${escaped(title)}`, ...items.map(itemLines)].join('\n');
  });
  return [
    titleOf('rackboot', 'network boot for bare metal', release),
    '.SH SYNOPSIS\n.B rackboot\n.I COMMAND\n[\\fIARGUMENT\\fR ...]',
    `.SH DESCRIPTION\n${escaped(about)}\n.PP\n\\fBrackboot init\\fR makes a configuration for this host, and \\fBsystemctl enable \\-\\-now rackboot\\fR starts the service.`,
    ['.SH COMMANDS', ...groups].join('\n'),
    ['.SH OPTIONS', ...optionsOf(lists).map(itemLines)].join('\n'),
    ENVIRONMENT,
    FILES,
    'A command ends with 0 if it succeeded, with 1 if it failed, and with 2 if its arguments are wrong.'.replace(
      /^/,
      '.SH EXIT STATUS\n',
    ),
    '.SH SEE ALSO\n/usr/share/doc/rackboot/docs/README.md',
    '',
  ].join('\n');
}

const ENVIRONMENT = '.SH ENVIRONMENT\n.TP\n.B RACKBOOT_CONFIG\nThe configuration file, as \\fB\\-\\-config\\fR.';
const FILES = [
  ['/etc/rackboot/rackboot.yaml', 'The configuration of the rack, which \\fBrackboot init\\fR writes.'],
  ['/etc/rackboot/region.yaml', 'The configuration of a region without a rack.'],
  ['/var/lib/rackboot', 'Leases, machines, settings and images.'],
  ['/usr/share/doc/rackboot/config', 'Every key of the configuration, with comments.'],
].reduce((all, [path = '', text = '']) => `${all}\n.TP\n.I ${path}\n${text}`, '.SH FILES');

async function pageOf(command: string, release: Release): Promise<string> {
  const [first, ...others] = await withCommandsBelow([command]);
  if (first === undefined) throw new Error(`${command} has no help`);
  const { usage, about, lists } = first.help;
  return [
    titleOf(`rackboot-${command}`, about, release),
    `.SH SYNOPSIS\n.B ${escaped(usage)}`,
    ...(others.length === 0 ? [] : ['.SH COMMANDS']),
    ...others.map(({ help }) => `.SS ${escaped(help.usage)}\n${escaped(help.about)}\n${listsOf(help.lists)}`.trimEnd()),
    ...(others.length > 0 ? ['.SH OPTIONS'] : ['.SH ARGUMENTS']),
    listsOf(lists),
    `.SH SEE ALSO\n.BR rackboot (${SECTION})`,
    '',
  ]
    .filter((part, index, all) => part !== '' || index === all.length - 1)
    .join('\n');
}

interface Found {
  readonly words: readonly string[];
  readonly help: Help;
}

/** A command, and all that its list of commands leads to. */
async function withCommandsBelow(words: readonly string[]): Promise<readonly Found[]> {
  const help = await helpFor(words);
  const prefix = `rackboot ${words.join(' ')} `;
  const below = (help.lists.get('Commands') ?? [])
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name }) => name.slice(prefix.length).split(' ')[0] ?? '')
    .filter((word) => /^[a-z][a-z-]*$/.test(word));
  const found: Found[] = [{ words, help }];
  for (const word of below) found.push(...(await withCommandsBelow([...words, word])));
  return found;
}

async function helpFor(words: readonly string[]): Promise<Help> {
  const text = await addCommands(yargs([...words]), () => undefined)
    .wrap(UNBROKEN)
    .getHelp();
  const [usage = '', about = '', ...sections] = text.split(/\n{2,}/);
  const lists = sections.flatMap((section): [string, Item[]][] => {
    const [title = '', ...lines] = section.split('\n');
    const items = lines.flatMap((line): Item[] => {
      const [name = '', ...told] = line.trim().split(/ {2,}/);
      return name === '' ? [] : [{ name, text: told.join(' ') }];
    });
    return [[title.replace(/:$/, ''), items]];
  });
  return { usage, about, lists: new Map(lists) };
}

const optionsOf = (lists: Help['lists']): readonly Item[] => lists.get('Options') ?? [];

/** Arguments, then options. Commands have sections of their own. */
const listsOf = (lists: Help['lists']): string =>
  [...(lists.get('Positionals') ?? []), ...optionsOf(lists).filter(({ name }) => !EVERYWHERE.test(name))]
    .map(itemLines)
    .join('\n');

const itemLines = ({ name, text }: Item): string => `.TP\n.B ${escaped(name)}\n${escaped(text)}`;

function titleOf(name: string, about: string, { version, epoch }: Release): string {
  const date = new Date(epoch * 1000).toISOString().slice(0, MONTHS_END);
  const head = `.TH ${escaped(name.toUpperCase())} ${SECTION} ${date} "Rackboot ${version}" "Rackboot"`;
  return `${head}\n.SH NAME\n${escaped(name)} \\- ${escaped(about)}`;
}

/** Text in the language of troff: a hyphen that can be copied, and no line that is a request. */
const escaped = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&');
