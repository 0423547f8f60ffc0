// The command that starts the rack of this host: the service's unit if it is installed, else `rackboot run` in the foreground.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_CONFIG } from './default-config.ts';

const UNIT_PLACES = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

/** True when the service can be started by its unit. */
export const isUnitInstalled = (): boolean => UNIT_PLACES.some((place) => existsSync(join(place, 'rackboot.service')));

/** A word, quoted for a shell if necessary. */
export const shellWord = (text: string): string =>
  /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** The option that makes a command read this configuration; empty for the default one. */
export const configWords = (file: string): string => (file === DEFAULT_CONFIG ? '' : ` --config ${shellWord(file)}`);

/** The start command. @param file the configuration; the service's unit reads only the default one */
export const startCommand = (file: string, hasUnit: boolean = isUnitInstalled()): string =>
  hasUnit && file === DEFAULT_CONFIG ? 'sudo systemctl start rackboot' : `sudo rackboot run${configWords(file)}`;

/** The configuration file named on the command line, as typed, else the default. */
export function typedConfig(args: readonly string[]): string {
  const at = args.findLastIndex((word) => word === '--config' || word.startsWith('--config='));
  const word = args[at] ?? '';
  const given = word === '--config' ? args[at + 1] : word.slice('--config='.length);
  return given === undefined || given === '' ? (process.env.RACKBOOT_CONFIG ?? DEFAULT_CONFIG) : given;
}
