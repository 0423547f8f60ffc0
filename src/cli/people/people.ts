// `rackboot users`, `rackboot tags` and `rackboot page`: the API's accounts and tags, and links to
// the page, through this host's daemon.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { findMachine } from '../machines/identity.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { print, printError, printTable, tableText } from '../terminal/output.ts';
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

/** Prints a link to the page; only the URL goes to standard output. */
export async function printPageLink(argv: Where & { readonly username?: string | undefined }): Promise<number> {
  const raw = await askRegion(argv, '/MAAS/login/link/', 'POST', { username: argv.username });
  const { username, url } = linkShape.parse(raw);
  print(url);
  printError(`It signs one browser in as ${username}, within 10 minutes.`);
  return 0;
}

const usernames = async (where: Where): Promise<readonly string[]> =>
  usersShape.parse(await askRegion(where, USERS)).map(({ username }) => username);

/** The error has the nearest name and the command that lists all. */
function requireIn(names: readonly string[], what: 'user' | 'tag', wanted: string): void {
  if (!names.includes(wanted))
    throw new RackError(
      'not-found',
      `there is no ${what} ${wanted}: ${composeNearestHint(wanted, names)}\`rackboot ${what}s list\` shows all`,
    );
}

/** @throws RackError `not-found` */
export async function findUser(where: Where, username: string) {
  requireIn(await usernames(where), 'user', username);
  return { username };
}

/** @throws RackError `not-found` */
export async function findTag(where: Where, name: string) {
  const tags = tagsShape.parse(await askRegion(where, TAGS));
  requireIn(
    tags.map((tag) => tag.name),
    'tag',
    name,
  );
  return { name };
}

export function usersText(answer: unknown): string {
  const rows = usersShape
    .parse(answer)
    .map(({ username, email, is_superuser: isAdmin }) => [username, isAdmin ? 'administrator' : 'user', email]);
  return tableText(['USER', 'KIND', 'E-MAIL'], rows, 'There are no accounts yet: rackboot createadmin --username NAME');
}

export async function addUser(
  argv: Where & PasswordFlags & { readonly email: string; readonly admin: boolean },
): Promise<number> {
  const { username, email } = argv;
  // The module that reads passwords also loads the region's store, which most commands do not need.
  const { noteShort, readPassword, refuseTaken } = await import('./accounts.ts');
  // Before a person types a password.
  if (argv.passwordFile === undefined) refuseTaken(username, await usernames(argv));
  const password = await readPassword(argv);
  const fields = { username, email, password, is_superuser: String(argv.admin) };
  const raw = await askRegion(argv, USERS, 'POST', fields, { username: '', email: '', password: '' });
  noteShort({ username, password });
  return printAnswer(argv, raw, `${username} is ${argv.admin ? 'an administrator' : 'a user'}.`);
}

/** Prints the tags with their numbers of machines, and their definitions if one has any. */
export async function listTags(where: Where): Promise<number> {
  const raw = await askRegion(where, TAGS);
  const tags = tagsShape.parse(raw);
  const isPlain = where.json || tags.length === 0;
  const tagged = isPlain
    ? []
    : taggedShape.parse(await askRegion(where, MACHINES_PATH)).flatMap((machine) => machine.tag_names);
  const isDefined = tags.some(({ definition }) => definition !== '');
  const rows = tags.map((tag) => [
    tag.name,
    String(tagged.filter((name) => name === tag.name).length),
    ...(isDefined ? [tag.definition || '-'] : []),
    tag.kernel_opts || '-',
    tag.comment.replaceAll('\n', ' '),
  ]);
  const headings = ['TAG', 'MACHINES', ...(isDefined ? ['DEFINITION'] : []), 'KERNEL PARAMETERS', 'COMMENT'];
  return printAnswer(where, raw, () => printTable(headings, rows, 'There are no tags yet: rackboot tags add NAME'));
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
  await findTag(argv, name);
  const idsOf = async (list: readonly string[]): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (const wanted of list) ids.push((await findMachine(argv, wanted)).system_id);
    return ids;
  };
  const fields = { add: await idsOf(add), remove: await idsOf(remove) };
  const raw = await askRegion(argv, `${TAGS}${encodeURIComponent(name)}/?op=update_nodes`, 'POST', fields);
  return printAnswer(
    argv,
    raw,
    `${name}: added to ${add.join(', ') || 'none'}, removed from ${remove.join(', ') || 'none'}.`,
  );
}
