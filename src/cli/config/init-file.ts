// Recognises the file that `rackboot init` wrote. Such a file holds nothing that a person wrote. If
// the store has no network, `init` may write it again.

import { readConfigFile, readConfigText } from '../../config/config-file.ts';
import { renderFile } from './init-proposal.ts';

/** The answers in the file of a rack with its own region. */
interface InitFile {
  readonly name: string;
  readonly stateDir: string;
}

/** The path of the example, which another installation may have elsewhere. */
const EXAMPLE_DIRECTORY = /(?<=^# Rackboot\. Every key is explained in )\S*(?=config\/rackboot\.yaml;)/;

/**
 * Reads the answers in a file of `init`; undefined if `init` did not write this file, or a person
 * has changed it. @throws RackError `config-unreadable`
 */
export function findInitFile(file: string): InitFile | undefined {
  const text = readConfigText(file);
  const read = readConfigFile(text);
  if (!read.ok) return undefined;
  const { name, state_dir: stateDir } = read.file.values;
  if (typeof name !== 'string' || typeof stateDir !== 'string') return undefined;
  return renderFile({ name, stateDir }) === text.replace(EXAMPLE_DIRECTORY, '') ? { name, stateDir } : undefined;
}
