// The configuration of a region that runs apart from its racks: its file, merged with the settings
// of its store that concern it.

import { formatProblems } from '../config/config-file.ts';
import { RESTART_KEYS } from '../config/keys.ts';
import {
  loadRegionFile,
  type RegionFileConfig,
  resolveRegionFile,
  selectRegionSettings,
  type UsableRegionFile,
} from '../config/region-file.ts';
import { RunningConfig, type RunningConfigDeps } from '../config/running-config.ts';
import { NO_SETTINGS, type Settings } from '../machines/settings.ts';

/** Keys that apply only at a restart. One of them is the store, which is already open. */
const UNCHANGEABLE_KEYS = [...RESTART_KEYS, 'region.store'];

export type RegionConfigurationDeps = RunningConfigDeps<UsableRegionFile>;

export class RegionConfiguration extends RunningConfig<
  RegionFileConfig,
  UsableRegionFile['written'],
  RegionConfigurationDeps
> {
  readonly resolve = resolveRegionFile;
  /** The settings of the store, including those that only racks use. */
  #stored: Settings = NO_SETTINGS;

  /** Reads only the file. @throws RackError `config-unreadable`, `config-invalid` */
  constructor(path: string) {
    super(path, ['region', UNCHANGEABLE_KEYS], [loadRegionFile(path), NO_SETTINGS]);
  }

  get stored(): Settings {
    return this.#stored;
  }

  /**
   * Merges the file with the store's settings before the region serves. If the two conflict, the
   * file alone stays in force.
   */
  begin(deps: RegionConfigurationDeps, settings: Settings = NO_SETTINGS): void {
    this.#stored = settings;
    this.storedSettings = selectRegionSettings(settings);
    const parsed = resolveRegionFile(this.current.file, this.storedSettings);
    if (parsed.ok) this.current = parsed;
    else this.refuse(deps, 'store', formatProblems(this.path, parsed.problems));
  }

  useStored(deps: RegionConfigurationDeps, settings: Settings = NO_SETTINGS): void {
    this.#stored = settings;
    this.applySettings(deps, selectRegionSettings(settings));
  }

  protected check(): [] {
    return [];
  }

  protected async onApplied(): Promise<void> {}
}
