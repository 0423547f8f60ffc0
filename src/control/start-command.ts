// The command that starts the rack or the region of this host: the service's unit if it is
// installed, else `rackboot run` or `rackboot region run` in the foreground.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { REGION_CONFIG } from '../config/region-config-place.ts';
import { isRegionFile } from '../config/region-file-kind.ts';
import { shellWord } from '../ground/clean-text.ts';
import { RACK_CONFIG } from '../region/config.ts';
import { defaultConfig, defaultRackConfig, defaultStoreConfig } from './default-config.ts';

const UNIT_PLACES = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

/**
 * The names with which a configuration is started: the unit of its service, the file that the unit
 * reads, and the words of the command.
 */
const SERVICES = {
  rack: { unit: 'rackboot', file: RACK_CONFIG, command: 'run' },
  region: { unit: 'rackboot-region', file: REGION_CONFIG, command: 'region run' },
} as const;

/** The directory that exists while systemd runs. Source: sd_booted(3). */
const SYSTEMD = '/run/systemd/system';

/** True when a service can be started by its unit. @param exists tells whether a path exists */
export const isUnitInstalled = (
  unit: string = SERVICES.rack.unit,
  exists: (path: string) => boolean = existsSync,
): boolean => exists(SYSTEMD) && UNIT_PLACES.some((place) => exists(join(place, `${unit}.service`)));

/**
 * The rack's units that an administrator enables: the service and, if it is installed, the timer of
 * its backups.
 */
export const unitsToEnable = (): string =>
  [SERVICES.rack.unit, ...(isUnitInstalled('rackboot-backup') ? ['rackboot-backup.timer'] : [])].join(' ');

/** The option that makes a command read this configuration; empty for the default one. */
export const configWords = (file: string): string => (file === RACK_CONFIG ? '' : ` --config ${shellWord(file)}`);

/** The start command. @param file the configuration; each service's unit reads only one */
export function startCommand(
  file: string,
  hasUnit: (unit: string) => boolean = (unit) => isUnitInstalled(unit),
): string {
  const service = SERVICES[isRegionFile(file) ? 'region' : 'rack'];
  return file === service.file && hasUnit(service.unit)
    ? `sudo systemctl start ${service.unit}`
    : `sudo rackboot ${service.command}${configWords(file)}`;
}

/**
 * The command that starts a rack after a restore, which may be on another host: it enables the
 * units, too.
 */
export function enableCommand(file: string): string {
  const start = startCommand(file);
  return start.includes('systemctl') ? `sudo systemctl enable --now ${unitsToEnable()}` : start;
}

/** The configuration file named on the command line, as typed, else the default. */
export function typedConfig(args: readonly string[]): string {
  const at = args.findLastIndex((word) => word === '--config' || word.startsWith('--config='));
  const word = args[at] ?? '';
  const path = word === '--config' ? args[at + 1] : word.slice('--config='.length);
  return path === undefined || path === '' ? defaultFor(args) : path;
}

/** `init` and `run` are only about a rack. */
function defaultFor(args: readonly string[]): string {
  if (REGION_ACTIONS.has(args[args.indexOf('region') + 1] ?? '') && args.includes('region'))
    return defaultStoreConfig();
  return args.some((word) => word === 'init' || word === 'run') ? defaultRackConfig() : defaultConfig();
}

/** The commands of `rackboot region` that read a configuration file. */
const REGION_ACTIONS: ReadonlySet<string> = new Set(['check', 'run', 'backup', 'restore']);
