// `rackboot sshkeys`: the keys with which people log in to the machines they deploy.

import { z } from 'zod';
import { loadPlace } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { counted } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { print, printError, printJson, printTable } from '../terminal/output.ts';

const PATH = '/MAAS/api/2.0/account/prefs/sshkeys/';
const keyShape = z.looseObject({ id: z.number(), key: z.string() });
/** Characters of the key that are shown: enough to tell keys apart. */
const SHOWN_CHARACTERS = 16;

interface KeyArguments {
  readonly config: string;
  readonly json: boolean;
  readonly username?: string | undefined;
}

const userQuery = ({ username }: KeyArguments): string =>
  username === undefined ? '' : `?${new URLSearchParams({ username }).toString()}`;

/** The command that adds the first key of this user. */
const noKeyText = (username: string | undefined): string =>
  `There are no keys yet: rackboot sshkeys add ~/.ssh/id_ed25519.pub${username === undefined ? '' : ` --username ${username}`}`;

/** Prints the keys of a user. @returns 0 */
export async function listSshKeys(argv: KeyArguments): Promise<number> {
  const raw = await askDaemon(loadPlace(argv.config).stateDir, `${PATH}${userQuery(argv)}`);
  if (argv.json) {
    printJson(raw);
    return 0;
  }
  const rows = z
    .array(keyShape)
    .parse(raw)
    .map(({ id, key }) => {
      const [kind = '', bytes = '', ...comment] = key.split(' ');
      return [String(id), kind, `…${bytes.slice(-SHOWN_CHARACTERS)}`, comment.join(' ')];
    });
  printTable(['ID', 'KIND', 'KEY', 'COMMENT'], rows, noKeyText(argv.username));
  if (rows.length === 0 && argv.username === undefined)
    printError(
      'Note: the local administrator, in whose name this host asks, has no keys; those of an account: rackboot sshkeys list --username NAME',
    );
  return 0;
}

/** Adds the keys of a file. @returns 0 @throws RackError `bad-argument` if the file cannot be read, or a line is not a key */
export async function addSshKeys(argv: KeyArguments & { readonly file: string }): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const lines = readGivenFile(argv.file)
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw new RackError('bad-argument', `${argv.file} contains no key`);
  const added: unknown[] = [];
  for (const key of lines) {
    added.push(await askDaemon(stateDir, `${PATH}${userQuery(argv)}`, 'POST', new URLSearchParams({ key }).toString()));
  }
  if (argv.json) printJson(added);
  else print(`${added.length === 1 ? 'The key is' : `${counted(added.length, 'key')} are`} added.`);
  return 0;
}

/** Removes a key. @returns 0 @throws RackError `not-found` */
export async function removeSshKey(argv: KeyArguments & { readonly id: number }): Promise<number> {
  await askDaemon(loadPlace(argv.config).stateDir, `${PATH}${argv.id}/${userQuery(argv)}`, 'DELETE');
  if (argv.json) printJson({ id: argv.id });
  else print('The key is removed.');
  return 0;
}
