// A region's data to copy, save and restore, and what came of it: what the tests of `store/copying` and of the long suite share.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RegionStore } from '../../src/region/records/store.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { EVENT } from '../contract/machines.ts';
import { fillRegion } from '../contract/region-operations.ts';
import { runRackboot, well } from './running-rack.ts';

/** More than are copied at a time. */
export const MACHINES = 600;

/** Makes a directory for copies, with a region's data in its directory `from`. */
export async function makeRegionData(): Promise<{ readonly directory: string; readonly stateDir: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-copy-'));
  const stateDir = join(directory, 'from');
  const store = openRegionStore({ stateDir });
  await fillRegion(store, MACHINES);
  await store.changeMachine<never>('m00001', 1, () => ({
    kind: 'change',
    fields: { description: 'Ünï\t"x"', powerTask: 'on' },
    events: [EVENT],
    userData: Uint8Array.from({ length: 256 }, (_, index) => index),
  }));
  await store.removeMachine('m00002', EVENT);
  await store.sshKey.keep('a key', 1);
  await store.recordReports('rack', [{ sequence: 7, kind: 'dhcp.ack', at: 5, text: 'x' }]);
  await store.close();
  return { directory, stateDir };
}

/** Everything the ports return about a region. */
export async function everything(store: RegionStore): Promise<unknown> {
  return [
    await store.listMachines({}, 0, 10_000),
    await store.listEvents({ limit: 10_000 }),
    [...((await store.life.userData('m00001')) ?? [])],
    await store.accounts.listUsers(),
    await store.life.listTags(),
    await store.highestSequence('rack'),
    await store.listGone(0),
    await store.sshKey.find(),
    await store.desiredVersion(),
  ];
}

export async function readStore(store: RegionStore | Promise<RegionStore>): Promise<unknown> {
  const opened = await store;
  try {
    return await everything(opened);
  } finally {
    await opened.close();
  }
}

/** Runs a command of `region`, which must succeed. @returns its output */
export async function runRegion(...args: string[]): Promise<string> {
  const output = await well(runRackboot(['region', ...args]));
  return output;
}

/** Writes the configuration file of a region below `directory`. @param store in YAML @returns its path */
export function configOf(directory: string, name: string, store: string): string {
  const path = join(directory, `${name}.yaml`);
  writeFileSync(path, `name: hall\nstate_dir: ${join(directory, name)}\nregion: { store: ${store} }\n`);
  return path;
}
