// Changes stored settings without a daemon: directly in region.db, by the region's own rules.
//
// 1. A change is also written to the cache that the rack reads at start, so that it applies from the start.

import { readHostAddresses } from '../../config/host-check.ts';
import { makeSettingsRules } from '../../config/settings-rules.ts';
import { systemClock } from '../../ground/clock.ts';
import type { Settings } from '../../machines/settings.ts';
import { operatorName } from '../../region/accounts/accounts.ts';
import { Racks } from '../../region/racks/racks.ts';
import { RegionSettings } from '../../region/settings.ts';
import { makeStateDirectory } from '../../store/database-file.ts';
import { openCommandRegion } from '../../store/sqlite/command-region.ts';
import { readDesiredState, writeDesiredState } from '../../uplink/desired-state-cache.ts';
import { readRackUuid } from '../../uplink/rack-identity.ts';
import { printError } from '../terminal/output.ts';
import { createAsOwner } from '../terminal/state-owner.ts';

/** Where the settings are stored, and the values of the rack's file. */
interface SettingsPlace {
  readonly stateDir: string;
  readonly name: string;
  /** The configuration file's path, and its values. */
  readonly file: string;
  readonly values: Settings;
}

/**
 * Opens the store and passes its settings, and the user name of this command, to `action`. @throws
 * RackError `store-…`
 */
export async function withStoredSettings<T>(
  place: SettingsPlace,
  action: (settings: RegionSettings, username: string) => Promise<T>,
): Promise<T> {
  const { stateDir, name, file, values } = place;
  createAsOwner(stateDir);
  makeStateDirectory(stateDir);
  const ownRack = { uuid: readRackUuid(stateDir), name, file, values };
  const store = openCommandRegion(stateDir);
  try {
    const racks = new Racks(store, systemClock);
    await racks.refresh();
    const settings = new RegionSettings({
      store,
      clock: systemClock,
      racks,
      rules: makeSettingsRules(readHostAddresses),
      ownRack: () => ownRack,
      onChange: () => undefined,
    });
    await settings.load();
    const result = await action(settings, await operatorName(store));
    const { settings: _before, ...state } = readDesiredState(stateDir, () => undefined);
    const current = settings.of(undefined);
    const changed = current === undefined ? state : { ...state, settings: current };
    writeDesiredState(stateDir, changed, ({ file, reason }) => printError(`${file}: ${reason}`));
    return result;
  } finally {
    await store.close();
  }
}
