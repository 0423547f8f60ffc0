// `rackboot sshkeys`: the keys with which people log in to the machines they deploy.

import { z } from 'zod';
import { counted } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { ask, tell, type Where } from '../terminal/asking.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { printError, printTable } from '../terminal/output.ts';

const PATH = '/MAAS/api/2.0/account/prefs/sshkeys/';
const keyShape = z.looseObject({ id: z.number(), key: z.string() });
/** Characters of the key that are shown: enough to tell keys apart. */
const SHOWN_CHARACTERS = 16;

interface KeyArguments extends Where {
  readonly username?: string | undefined;
}

const pathOf = ({ username }: KeyArguments, id = ''): string =>
  `${PATH}${id}${username === undefined ? '' : `?${new URLSearchParams({ username })}`}`;

/** Prints the keys of a user. */
export async function listSshKeys(argv: KeyArguments): Promise<number> {
  const { username } = argv;
  const raw = await ask(argv, pathOf(argv));
  return tell(argv, raw, () => {
    const rows = z
      .array(keyShape)
      .parse(raw)
      .map(({ id, key }) => {
        const [kind = '', bytes = '', ...comment] = key.split(' ');
        return [String(id), kind, `…${bytes.slice(-SHOWN_CHARACTERS)}`, comment.join(' ')];
      });
    const owner = username === undefined ? '' : ` --username ${username}`;
    const empty = `There are no keys yet: rackboot sshkeys add ~/.ssh/id_ed25519.pub${owner}`;
    printTable(['ID', 'KIND', 'KEY', 'COMMENT'], rows, empty);
    if (rows.length === 0 && username === undefined)
      printError(
        'Note: the local administrator, in whose name this host asks, has no keys; those of an account: rackboot sshkeys list --username NAME',
      );
  });
}

/** Adds the keys of a file. @throws RackError `bad-argument` if the file cannot be read, or a line is not a key */
export async function addSshKeys(argv: KeyArguments & { readonly file: string }): Promise<number> {
  const lines = readGivenFile(argv.file)
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw new RackError('bad-argument', `${argv.file} contains no key`);
  const added: unknown[] = [];
  for (const key of lines) added.push(await ask(argv, pathOf(argv), 'POST', { key }));
  return tell(argv, added, `${added.length === 1 ? 'The key is' : `${counted(added.length, 'key')} are`} added.`);
}

/** Removes a key. @throws RackError `not-found` */
export async function removeSshKey(argv: KeyArguments & { readonly id: number }): Promise<number> {
  await ask(argv, pathOf(argv, `${argv.id}/`), 'DELETE');
  return tell(argv, { id: argv.id }, 'The key is removed.');
}
