// `rackboot users`, `rackboot tags` and `rackboot page`: the API's accounts and tags, and links to the page, through this host's daemon.

import { z } from 'zod';
import { loadPlace } from '../../config/config-file.ts';
import { askDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import { RackError } from '../../errors.ts';
import { nearestHint } from '../../nearest-name.ts';
import { findMachine } from '../machines/identity.ts';
import { formOf } from '../machines/life.ts';
import { confirmOnTerminal } from '../terminal/confirmation.ts';
import { print, printError, printJson, printTable } from '../terminal/output.ts';
import type { PasswordFlags } from './accounts.ts';

const USERS = '/MAAS/api/2.0/users/';
const TAGS = '/MAAS/api/2.0/tags/';

interface Arguments {
  readonly config: string;
  readonly json: boolean;
}

const userShape = z.looseObject({ username: z.string(), email: z.string(), is_superuser: z.boolean() });
const tagShape = z.looseObject({
  name: z.string(),
  comment: z.string(),
  kernel_opts: z.string(),
  /** The XPath by which machines get it; empty: people give it. */
  definition: z.string().default(''),
});
type ShownTag = z.infer<typeof tagShape>;
const taggedShape = z.array(z.looseObject({ tag_names: z.array(z.string()) }));

const placeOf = (base: string, name: string): string => `${base}${encodeURIComponent(name)}/`;

const linkShape = z.object({ username: z.string(), url: z.string() });

/** Prints a link that signs a browser in. Only its URL goes to standard output. @returns 0 */
export async function printPageLink(flags: {
  readonly config: string;
  readonly username?: string | undefined;
}): Promise<number> {
  const { stateDir } = loadPlace(flags.config);
  const body = flags.username === undefined ? undefined : `${new URLSearchParams({ username: flags.username })}`;
  const { username, url } = linkShape.parse(await askDaemon(stateDir, '/MAAS/login/link/', 'POST', body));
  print(url);
  printError(`It signs one browser in as ${username}, within 10 minutes.`);
  return 0;
}

/** The names of all users or tags. */
async function namesOf(stateDir: string, what: 'users' | 'tags'): Promise<readonly string[]> {
  if (what === 'tags')
    return z
      .array(tagShape)
      .parse(await askDaemon(stateDir, TAGS))
      .map(({ name }) => name);
  return z
    .array(userShape)
    .parse(await askDaemon(stateDir, USERS))
    .map(({ username }) => username);
}

/** The error for a name that is not in `names`, with the nearest one and the command that lists all. */
const absent = (what: 'user' | 'tag', wanted: string, names: readonly string[]): RackError =>
  new RackError(
    'not-found',
    `there is no ${what} ${wanted}: ${nearestHint(wanted, names)}\`rackboot ${what}s list\` shows all`,
  );

/** @throws RackError `not-found` */
async function requireTag(stateDir: string, name: string): Promise<void> {
  const names = await namesOf(stateDir, 'tags');
  if (!names.includes(name)) throw absent('tag', name, names);
}

/** Prints the accounts. @returns 0 */
export async function listUsers(argv: Arguments): Promise<number> {
  const raw = await askDaemon(loadPlace(argv.config).stateDir, USERS);
  if (argv.json) printJson(raw);
  else {
    const rows = z
      .array(userShape)
      .parse(raw)
      .map(({ username, email, is_superuser: isAdmin }) => [username, isAdmin ? 'administrator' : 'user', email]);
    printTable(['USER', 'KIND', 'E-MAIL'], rows, 'There are no accounts yet: rackboot createadmin --username NAME');
  }
  return 0;
}

/** Makes an account. @returns 0 @throws RackError `bad-argument` */
export async function addUser(
  argv: Arguments & PasswordFlags & { readonly email: string; readonly admin: boolean },
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const { username, email } = argv;
  // Loaded here: the module that reads passwords also loads the region's store, which most commands do not need.
  const { readPassword, refuseTaken } = await import('./accounts.ts');
  // Refuse a taken name before a person types a password.
  if (argv.passwordFile === undefined) refuseTaken(username, await namesOf(stateDir, 'users'));
  const password = await readPassword(argv);
  const form = new URLSearchParams({ username, email, password, is_superuser: String(argv.admin) });
  const names = { username: '', email: '', password: '' };
  const raw = await askDaemon(stateDir, USERS, 'POST', form.toString(), { names });
  if (argv.json) printJson(raw);
  else print(`${username} is ${argv.admin ? 'an administrator' : 'a user'}.`);
  return 0;
}

/** Removes an account and its keys, after a confirmation. @returns 0 @throws RackError `not-found`, `cancelled`, `bad-argument` if it owns machines or is the last one */
export async function removeUser(
  argv: Arguments & { readonly username: string; readonly yes: boolean },
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const names = await namesOf(stateDir, 'users');
  if (!names.includes(argv.username)) throw absent('user', argv.username, names);
  await confirmOnTerminal(`Remove the account ${argv.username}, with its API keys and SSH keys?`, argv.yes);
  await askDaemon(stateDir, placeOf(USERS, argv.username), 'DELETE');
  if (argv.json) printJson({ username: argv.username });
  else print(`The account ${argv.username} is removed.`);
  return 0;
}

/** Prints the tags. @returns 0 */
export async function listTags(argv: Arguments): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const raw = await askDaemon(stateDir, TAGS);
  if (argv.json) printJson(raw);
  else {
    const tags = z.array(tagShape).parse(raw);
    const columns = tagColumns(tags, tags.length === 0 ? new Map() : await countTagged(stateDir));
    printTable(
      columns.map(([title]) => title),
      tags.map((tag) => columns.map(([, text]) => text(tag))),
      'There are no tags yet: rackboot tags add NAME',
    );
  }
  return 0;
}

/** The number of machines by tag. */
async function countTagged(stateDir: string): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { tag_names: names } of taggedShape.parse(await askDaemon(stateDir, MACHINES_PATH)))
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

type TagColumn = readonly [title: string, text: (tag: ShownTag) => string];

/** The columns of the list: DEFINITION only if a tag has one. */
const tagColumns = (tags: readonly ShownTag[], counts: ReadonlyMap<string, number>): readonly TagColumn[] => [
  ['TAG', ({ name }) => name],
  ['MACHINES', ({ name }) => String(counts.get(name) ?? 0)],
  ...(tags.some(({ definition }) => definition !== '') ? [DEFINITION] : []),
  ['KERNEL PARAMETERS', ({ kernel_opts: kernelOpts }) => kernelOpts || '-'],
  ['COMMENT', ({ comment }) => comment.replaceAll('\n', ' ')],
];
const DEFINITION: TagColumn = ['DEFINITION', ({ definition }) => definition || '-'];

interface TagArguments extends Arguments {
  readonly name: string;
  readonly comment?: string | undefined;
  readonly kernelOpts?: string | undefined;
}

const TAG_NAMES = { comment: '--comment', kernel_opts: '--kernel-opts', definition: '--definition' };

/** Makes a tag. @returns 0 @throws RackError `bad-argument` */
export async function addTag(argv: TagArguments): Promise<number> {
  const { name, comment = '', kernelOpts = '' } = argv;
  const form = new URLSearchParams({ name, comment, kernel_opts: kernelOpts });
  const names = { ...TAG_NAMES, name: 'NAME' };
  const raw = await askDaemon(loadPlace(argv.config).stateDir, TAGS, 'POST', form.toString(), { names });
  if (argv.json) printJson(raw);
  else print(`The tag ${name} is created. rackboot tags update-nodes ${name} --add MACHINE adds it to a machine.`);
  return 0;
}

/** Changes what is given of a tag. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function changeTag(
  argv: TagArguments & { readonly rename?: string | undefined; readonly definition?: string | undefined },
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const { name, rename, comment, kernelOpts, definition } = argv;
  await requireTag(stateDir, name);
  const form = formOf({ name: rename, comment, kernel_opts: kernelOpts, definition });
  if (form === '')
    throw new RackError('bad-argument', 'say what to change: --rename, --comment, --kernel-opts or --definition');
  const raw = await askDaemon(stateDir, placeOf(TAGS, name), 'PUT', form, {
    names: { ...TAG_NAMES, name: '--rename' },
  });
  if (argv.json) printJson(raw);
  else print(`The tag ${name} is changed${rename === undefined ? '' : `, and now called ${rename}`}.`);
  return 0;
}

/** Removes a tag. @returns 0 @throws RackError `not-found` */
export async function removeTag(argv: Arguments & { readonly name: string }): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  await requireTag(stateDir, argv.name);
  await askDaemon(stateDir, placeOf(TAGS, argv.name), 'DELETE');
  if (argv.json) printJson({ name: argv.name });
  else print(`The tag ${argv.name} is removed.`);
  return 0;
}

/** Adds a tag to machines, and removes it from others. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function tagMachines(
  argv: Arguments & {
    readonly name: string;
    readonly add?: readonly string[] | undefined;
    readonly remove?: readonly string[] | undefined;
  },
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const { name, add = [], remove = [] } = argv;
  if (add.length + remove.length === 0) throw new RackError('bad-argument', 'name machines with --add or --remove');
  await requireTag(stateDir, name);
  const form = new URLSearchParams();
  for (const wanted of add) form.append('add', (await findMachine(stateDir, wanted)).system_id);
  for (const wanted of remove) form.append('remove', (await findMachine(stateDir, wanted)).system_id);
  const raw = await askDaemon(stateDir, `${placeOf(TAGS, name)}?op=update_nodes`, 'POST', form.toString());
  if (argv.json) printJson(raw);
  else print(`${name}: added to ${add.join(', ') || 'none'}, removed from ${remove.join(', ') || 'none'}.`);
  return 0;
}
