// The command that starts the rack of this host: by the unit of the service where that is installed, else in the foreground.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_CONFIG } from './default-config.ts';

const UNIT_PLACES = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

/** True when the service can be started by its unit. */
export const isUnitInstalled = (): boolean => UNIT_PLACES.some((place) => existsSync(join(place, 'rackboot.service')));

/** A word as a shell takes it. */
export const shellWord = (text: string): string =>
  /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** What every command takes that is to read this configuration; empty: it is the one that is read anyway. */
export const configWords = (file: string): string => (file === DEFAULT_CONFIG ? '' : ` --config ${shellWord(file)}`);

/** @param file the configuration; the unit of the service reads the usual one alone */
export const startCommand = (file: string, hasUnit: boolean = isUnitInstalled()): string =>
  hasUnit && file === DEFAULT_CONFIG ? 'sudo systemctl start rackboot' : `sudo rackboot run${configWords(file)}`;

/** The configuration that a command was told to read, in the words that were typed. */
export function typedConfig(args: readonly string[]): string {
  const at = args.findLastIndex((word) => word === '--config' || word.startsWith('--config='));
  const word = args[at] ?? '';
  const given = word === '--config' ? args[at + 1] : word.slice('--config='.length);
  return given === undefined || given === '' ? (process.env.RACKBOOT_CONFIG ?? DEFAULT_CONFIG) : given;
}
