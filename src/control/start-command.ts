// Formats the command that starts the rack or the region of this host: the service's unit if it is
// installed, or else `rackboot run` or `rackboot region run` in the foreground.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { REGION_CONFIG } from '../config/region-config-place.ts';
import { isRegionFile } from '../config/region-file-kind.ts';
import { shellWord } from '../ground/clean-text.ts';
import { RACK_CONFIG } from '../region/config.ts';
import { defaultConfig, defaultRackConfig, defaultStoreConfig } from './default-config.ts';

const UNIT_DIRECTORIES = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

/**
 * How the rack and the region are started: the unit of the service, the file that the unit reads,
 * and the command.
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
): boolean => exists(SYSTEMD) && UNIT_DIRECTORIES.some((directory) => exists(join(directory, `${unit}.service`)));

/**
 * Formats the rack's units that an administrator enables: the service and, if it is installed, the
 * timer of its backups.
 */
export const formatUnitsToEnable = (): string =>
  [SERVICES.rack.unit, ...(isUnitInstalled('rackboot-backup') ? ['rackboot-backup.timer'] : [])].join(' ');

/** Formats the option that makes a command read this configuration. Empty for the default one. */
export const formatConfigOption = (file: string): string =>
  file === RACK_CONFIG ? '' : ` --config ${shellWord(file)}`;

/** Formats the start command. @param file the configuration. The unit of each service reads only one file */
export function startCommand(
  file: string,
  hasUnit: (unit: string) => boolean = (unit) => isUnitInstalled(unit),
): string {
  const service = SERVICES[isRegionFile(file) ? 'region' : 'rack'];
  return file === service.file && hasUnit(service.unit)
    ? `sudo systemctl start ${service.unit}`
    : `sudo rackboot ${service.command}${formatConfigOption(file)}`;
}

/**
 * Formats the command that starts a rack after a restore. It also enables the units, because the
 * restore may be on another host.
 */
export function formatEnableCommand(file: string): string {
  const startText = startCommand(file);
  return startText.includes('systemctl') ? `sudo systemctl enable --now ${formatUnitsToEnable()}` : startText;
}

/** Finds the configuration file on the command line, as typed, or else the default. */
export function findTypedConfig(args: readonly string[]): string {
  const index = args.findLastIndex((word) => word === '--config' || word.startsWith('--config='));
  const word = args[index] ?? '';
  const path = word === '--config' ? args[index + 1] : word.slice('--config='.length);
  return path === undefined || path === '' ? chooseDefaultConfig(args) : path;
}

/** Chooses the default file for a command. `init` and `run` are only about a rack. */
function chooseDefaultConfig(args: readonly string[]): string {
  if (REGION_ACTIONS.has(args[args.indexOf('region') + 1] ?? '') && args.includes('region'))
    return defaultStoreConfig();
  return args.some((word) => word === 'init' || word === 'run') ? defaultRackConfig() : defaultConfig();
}

/** The commands of `rackboot region` that read a configuration file. */
const REGION_ACTIONS: ReadonlySet<string> = new Set(['check', 'run', 'backup', 'restore']);
