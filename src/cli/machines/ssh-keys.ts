// `rackboot sshkeys`: the keys with which people log in to the machines they deploy.

import { z } from 'zod';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { askRegion, encodeForm, printAnswer, type Where } from '../terminal/asking.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { printError, tableText } from '../terminal/output.ts';

const PATH = '/MAAS/api/2.0/account/prefs/sshkeys/';
const keyShape = z.looseObject({ id: z.number(), key: z.string() });
/** How many characters of a key are shown: enough to tell keys apart. */
const SHOWN_CHARACTERS = 16;

/** @param username undefined for the local administrator */
export function keysText(username: string | undefined, answer: unknown): string {
  const rows = z
    .array(keyShape)
    .parse(answer)
    .map(({ id, key }) => {
      const [kind = '', bytes = '', ...comment] = key.split(' ');
      return [String(id), kind, `…${bytes.slice(-SHOWN_CHARACTERS)}`, comment.join(' ')];
    });
  const owner = username === undefined ? '' : ` --username ${username}`;
  const empty = `There are no keys yet: rackboot sshkeys add ~/.ssh/id_ed25519.pub${owner}`;
  if (rows.length === 0 && username === undefined)
    printError(
      'Note: the local administrator, in whose name this host asks, has no keys; those of an account: rackboot sshkeys list --username NAME',
    );
  return tableText(['ID', 'KIND', 'KEY', 'COMMENT'], rows, empty);
}

/**
 * Adds the keys of a file. @throws RackError `bad-argument` if the file cannot be read, or a line
 * is not a key
 */
export async function addSshKeys(
  argv: Where & { readonly file: string; readonly username?: string | undefined },
): Promise<number> {
  const path = `${PATH}${argv.username === undefined ? '' : `?${encodeForm({ username: argv.username })}`}`;
  const lines = readGivenFile(argv.file)
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw new RackError('bad-argument', `${argv.file} contains no key`);
  const added: unknown[] = [];
  for (const key of lines) added.push(await askRegion(argv, path, 'POST', { key }));
  return printAnswer(
    argv,
    added,
    `${added.length === 1 ? 'The key is' : `${counted(added.length, 'key')} are`} added.`,
  );
}
