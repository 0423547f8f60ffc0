// `rackboot users`, `rackboot tags` and `rackboot page`: the API's accounts and tags, and links to the page, through this host's daemon.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { RackError } from '../../errors.ts';
import { nearestHint } from '../../nearest-name.ts';
import { findMachine } from '../machines/identity.ts';
import { ask, requireChange, tell, type Where } from '../terminal/asking.ts';
import { print, printError, printTable } from '../terminal/output.ts';
import { confirmOnTerminal } from '../terminal/prompt.ts';
import type { PasswordFlags } from './accounts.ts';

const USERS = '/MAAS/api/2.0/users/';
const TAGS = '/MAAS/api/2.0/tags/';

const usersShape = z.array(z.looseObject({ username: z.string(), email: z.string(), is_superuser: z.boolean() }));
const tagsShape = z.array(
  z.looseObject({
    name: z.string(),
    comment: z.string(),
    kernel_opts: z.string(),
    /** The XPath by which machines get it; empty: people give it. */
    definition: z.string().default(''),
  }),
);
const taggedShape = z.array(z.looseObject({ tag_names: z.array(z.string()) }));
const linkShape = z.object({ username: z.string(), url: z.string() });

const tagPath = (name: string): string => `${TAGS}${encodeURIComponent(name)}/`;

/** Only the URL goes to standard output. */
export async function printPageLink(argv: Where & { readonly username?: string | undefined }): Promise<number> {
  const raw = await ask(argv, '/MAAS/login/link/', 'POST', { username: argv.username });
  const { username, url } = linkShape.parse(raw);
  print(url);
  printError(`It signs one browser in as ${username}, within 10 minutes.`);
  return 0;
}

const usernames = async (where: Where): Promise<readonly string[]> =>
  usersShape.parse(await ask(where, USERS)).map(({ username }) => username);

/** The error has the nearest name and the command that lists all. */
function requireIn(names: readonly string[], what: 'user' | 'tag', wanted: string): void {
  if (!names.includes(wanted))
    throw new RackError(
      'not-found',
      `there is no ${what} ${wanted}: ${nearestHint(wanted, names)}\`rackboot ${what}s list\` shows all`,
    );
}

const requireTag = async (where: Where, name: string): Promise<void> =>
  requireIn(
    tagsShape.parse(await ask(where, TAGS)).map((tag) => tag.name),
    'tag',
    name,
  );

export async function listUsers(where: Where): Promise<number> {
  const raw = await ask(where, USERS);
  return tell(where, raw, () => {
    const rows = usersShape
      .parse(raw)
      .map(({ username, email, is_superuser: isAdmin }) => [username, isAdmin ? 'administrator' : 'user', email]);
    printTable(['USER', 'KIND', 'E-MAIL'], rows, 'There are no accounts yet: rackboot createadmin --username NAME');
  });
}

export async function addUser(
  argv: Where & PasswordFlags & { readonly email: string; readonly admin: boolean },
): Promise<number> {
  const { username, email } = argv;
  // The module that reads passwords also loads the region's store, which most commands do not need.
  const { readPassword, refuseTaken } = await import('./accounts.ts');
  // Before a person types a password.
  if (argv.passwordFile === undefined) refuseTaken(username, await usernames(argv));
  const password = await readPassword(argv);
  const fields = { username, email, password, is_superuser: String(argv.admin) };
  const raw = await ask(argv, USERS, 'POST', fields, { username: '', email: '', password: '' });
  return tell(argv, raw, `${username} is ${argv.admin ? 'an administrator' : 'a user'}.`);
}

/** Removes an account and its keys, after a confirmation. The region refuses one that owns machines, and the last one. */
export async function removeUser(argv: Where & { readonly username: string; readonly yes: boolean }): Promise<number> {
  const { username } = argv;
  requireIn(await usernames(argv), 'user', username);
  await confirmOnTerminal(`Remove the account ${username}, with its API keys and SSH keys?`, argv.yes);
  await ask(argv, `${USERS}${encodeURIComponent(username)}/`, 'DELETE');
  return tell(argv, { username }, `The account ${username} is removed.`);
}

/** With their numbers of machines, and their definitions if one has any. */
export async function listTags(where: Where): Promise<number> {
  const raw = await ask(where, TAGS);
  const tags = tagsShape.parse(raw);
  const isPlain = where.json || tags.length === 0;
  const tagged = isPlain ? [] : taggedShape.parse(await ask(where, MACHINES_PATH)).flatMap((one) => one.tag_names);
  const isDefined = tags.some(({ definition }) => definition !== '');
  const rows = tags.map((tag) => [
    tag.name,
    String(tagged.filter((name) => name === tag.name).length),
    ...(isDefined ? [tag.definition || '-'] : []),
    tag.kernel_opts || '-',
    tag.comment.replaceAll('\n', ' '),
  ]);
  const headings = ['TAG', 'MACHINES', ...(isDefined ? ['DEFINITION'] : []), 'KERNEL PARAMETERS', 'COMMENT'];
  return tell(where, raw, () => printTable(headings, rows, 'There are no tags yet: rackboot tags add NAME'));
}

interface TagArguments extends Where {
  readonly name: string;
  readonly comment?: string | undefined;
  readonly kernelOpts?: string | undefined;
}

const TAG_NAMES = { comment: '--comment', kernel_opts: '--kernel-opts', definition: '--definition' };

export async function addTag(argv: TagArguments): Promise<number> {
  const { name, comment = '', kernelOpts = '' } = argv;
  const fields = { name, comment, kernel_opts: kernelOpts };
  const raw = await ask(argv, TAGS, 'POST', fields, { ...TAG_NAMES, name: 'NAME' });
  const next = `rackboot tags update-nodes ${name} --add MACHINE adds it to a machine`;
  return tell(argv, raw, `The tag ${name} is created. ${next}.`);
}

/** Changes what is given of a tag. */
export async function changeTag(
  argv: TagArguments & { readonly rename?: string | undefined; readonly definition?: string | undefined },
): Promise<number> {
  const { name, rename, comment, kernelOpts, definition } = argv;
  await requireTag(argv, name);
  const fields = { name: rename, comment, kernel_opts: kernelOpts, definition };
  requireChange(fields, '--rename, --comment, --kernel-opts or --definition');
  const raw = await ask(argv, tagPath(name), 'PUT', fields, { ...TAG_NAMES, name: '--rename' });
  return tell(argv, raw, `The tag ${name} is changed${rename === undefined ? '' : `, and now called ${rename}`}.`);
}

export async function removeTag(argv: Where & { readonly name: string }): Promise<number> {
  const { name } = argv;
  await requireTag(argv, name);
  await ask(argv, tagPath(name), 'DELETE');
  return tell(argv, { name }, `The tag ${name} is removed.`);
}

/** Adds a tag to machines, and removes it from others. */
export async function tagMachines(
  argv: Where & {
    readonly name: string;
    readonly add?: readonly string[] | undefined;
    readonly remove?: readonly string[] | undefined;
  },
): Promise<number> {
  const { name, add = [], remove = [] } = argv;
  if (add.length + remove.length === 0) throw new RackError('bad-argument', 'name machines with --add or --remove');
  await requireTag(argv, name);
  const idsOf = async (list: readonly string[]): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (const wanted of list) ids.push((await findMachine(argv, wanted)).system_id);
    return ids;
  };
  const fields = { add: await idsOf(add), remove: await idsOf(remove) };
  const raw = await ask(argv, `${tagPath(name)}?op=update_nodes`, 'POST', fields);
  return tell(argv, raw, `${name}: added to ${add.join(', ') || 'none'}, removed from ${remove.join(', ') || 'none'}.`);
}
