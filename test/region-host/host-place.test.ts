// The id of a host's images, which is a file next to them: whatever is at its path, a process starts, and no two hosts share an id.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { HostImageStore } from '../../src/region/records/host-image-store.ts';
import { HostImages } from '../../src/region-host/imports/host-images.ts';
import { ImageThread } from '../../src/region-host/imports/image-thread.ts';
import { makeRegion } from '../region/place.ts';

const thread = new ImageThread();
after(() => thread.end());

const NO_PLACES: HostImageStore = {
  report: async () => undefined,
  condemned: async () => [],
  condemn: async () => undefined,
  list: async () => [],
};

/** Calls `work` with the file of the id, and a way to open the place as a start of a process does. */
async function withPlace(work: (file: string, open: () => Promise<string>) => Promise<void>): Promise<void> {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-place-'));
  mkdirSync(join(tree, 'images'));
  const { region, clock, remove } = await makeRegion();
  try {
    await work(join(tree, 'images', '.place'), async () => {
      const images = await HostImages.open({
        images: thread,
        region,
        clock,
        store: NO_PLACES,
        tree: () => tree,
        onProblem: assert.fail,
      });
      await images.close();
      return images.locationId;
    });
  } finally {
    await remove();
    rmSync(tree, { recursive: true });
  }
}

const UNFIT: Readonly<Record<string, (file: string) => void>> = {
  'a link to nothing': (file) => symlinkSync('nothing', file),
  'an empty file': (file) => writeFileSync(file, ''),
  'a text that is not an id': (file) => writeFileSync(file, '../../etc\n'),
};

for (const [name, make] of Object.entries(UNFIT))
  test(`${name} in the place of the id is replaced by a new id`, () =>
    withPlace(async (file, open) => {
      make(file);
      const place = await open();
      assert.equal(place.split(':').at(-1), readFileSync(file, 'utf8').trim());
      assert.equal(await open(), place, 'it stays from then on');
    }));

test('a host whose id cannot be stored has one of its own until the next start', () =>
  withPlace(async (file, open) => {
    mkdirSync(file);
    const [one, other] = [await open(), await open()];
    assert.notEqual(one, other);
    for (const place of [one, other]) assert.match(place, /:[0-9a-f-]{36}$/);
  }));
