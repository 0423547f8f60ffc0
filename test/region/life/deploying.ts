// A region in which machines are deployed: with a store of one image, and a user with an SSH key.

import type { PowerControl } from '../../../src/region/life/power-life.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import type { RegionPlace } from '../place.ts';

const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 1)]).toString('base64')} bob`;
const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.img',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
};

/** Reopens a place's region with an image store of one image; `switched`: Rackboot switches all machines. */
export async function reopen({ store, config, clock, region }: RegionPlace, power?: PowerControl): Promise<Region> {
  region.close();
  return await openRegion({
    config,
    store,
    clock,
    power,
    findImage: ({ os, release }) => (os === IMAGE.os && release === IMAGE.release ? IMAGE : undefined),
    onDesiredState: () => undefined,
  });
}

/** Gives the user `bob` an SSH key. */
export async function addKey({ store }: Pick<RegionPlace, 'store'>): Promise<void> {
  await store.life.addSshKey({ username: 'bob', key: KEY, createdMs: 1 }, 4, {
    type: 'AUTHORISATION',
    code: 'rack',
    params: { text: 'x' },
    atMs: 1,
    username: 'bob',
  });
}
