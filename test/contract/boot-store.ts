// The contract of every region store for boot images: sources, selections, resources and the run. Called by the test of each implementation.

import assert from 'node:assert/strict';
import type { Selection } from '../../src/images/sources/offer.ts';
import {
  type ImportProgress,
  type ImportRun,
  isImporting,
  NO_RUN,
  RESOURCES_MAX,
  SELECTIONS_MAX,
  SOURCES_MAX,
  type WrittenBootSource,
} from '../../src/region/records/boot-store.ts';
import { REPORTED_OF_RACK_MAX } from '../../src/region/records/reported-download.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { addMachine, EVENT } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

const SOURCE: WrittenBootSource = {
  url: 'http://images.example/',
  index: 'streams/v1/index.json',
  why: 'a mirror in the lab',
  keyringFilename: '',
  keyring: Uint8Array.of(0x99, 0, 0xff),
  updatedMs: 7,
};
const SELECTION: Selection = {
  os: 'ubuntu',
  release: 'noble',
  arches: ['amd64', 'arm64'],
  subarches: ['*'],
  labels: ['*'],
};
const PROGRESS: ImportProgress = { state: 'downloading', source: 's', title: 'Noble', bytes: 5, total: 2 ** 40 };

async function addedSource(store: RegionStore, url = SOURCE.url): Promise<number> {
  const added = await store.boot.addSource({ ...SOURCE, url }, EVENT);
  assert.ok(typeof added === 'object');
  return added.id;
}

const eventsOf = async (store: RegionStore): Promise<number> => (await store.listEvents({ limit: 100 })).length;

export function testBootStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('sources are stored whole, with unique URLs, up to a bound; each change is an event', async (store, place) => {
    const { boot } = store;
    const id = await addedSource(store);
    assert.equal(await boot.addSource(SOURCE, EVENT), 'exists');
    const other = await place.open();
    const { updatedMs, ...fields } = SOURCE;
    assert.deepEqual(
      (await other.boot.listSources()).map((one) => ({ ...one, keyring: [...one.keyring] })),
      [{ ...fields, keyring: [0x99, 0, 0xff], id, name: undefined, createdMs: 7, updatedMs }],
    );
    await other.close();
    const second = await addedSource(store, 'http://b.example/');
    assert.equal(await boot.changeSource(second, SOURCE, EVENT), 'exists');
    const changed = await boot.changeSource(second, { ...SOURCE, url: 'http://c.example/', updatedMs: 9 }, EVENT);
    assert.ok(typeof changed === 'object');
    assert.deepEqual([changed.url, changed.createdMs, changed.updatedMs], ['http://c.example/', 7, 9]);
    const signed = { ...SOURCE, url: 'http://c.example/', index: undefined, why: undefined };
    const again = await boot.changeSource(second, signed, EVENT);
    assert.ok(typeof again === 'object');
    assert.deepEqual([again.index, again.why], [undefined, undefined]);
    assert.equal(await boot.changeSource(999, { ...SOURCE, url: 'http://d.example/' }, EVENT), 'not-found');
    assert.deepEqual([await boot.removeSource(id, EVENT), await boot.removeSource(id, EVENT)], [true, false]);
    assert.equal(await eventsOf(store), 5);
    for (let index = 1; index < SOURCES_MAX; index += 1) await addedSource(store, `http://x${index}.example/`);
    assert.equal(await boot.addSource({ ...SOURCE, url: 'http://more.example/' }, EVENT), 'limit');
  });

  check('a source of a file has one row, which only the file changes', async (store) => {
    const { boot } = store;
    await boot.addFileSources(['ubuntu', 'debian'], 3);
    await boot.addFileSources(['debian', 'rocky', 'ubuntu'], 4);
    const sources = await boot.listSources();
    assert.deepEqual(
      sources.map(({ name, createdMs }) => [name, createdMs]),
      [
        ['ubuntu', 3],
        ['debian', 3],
        ['rocky', 4],
      ],
    );
    const id = sources[0]?.id ?? 0;
    assert.equal(await boot.changeSource(id, SOURCE, EVENT), 'not-found');
    assert.equal(await boot.removeSource(id, EVENT), false);
    assert.ok(typeof (await boot.addSelection(id, SELECTION, EVENT)) === 'object', 'but it has selections');
  });

  check('a source has one selection of a release, up to a bound, and takes them with it', async (store) => {
    const { boot } = store;
    const [one, two] = [await addedSource(store), await addedSource(store, 'http://b.example/')];
    const added = await boot.addSelection(one, SELECTION, EVENT);
    assert.ok(typeof added === 'object');
    assert.deepEqual(added, { ...SELECTION, id: added.id, sourceId: one });
    assert.equal(await boot.addSelection(one, { ...SELECTION, labels: ['daily'] }, EVENT), 'exists');
    assert.equal(await boot.addSelection(999, SELECTION, EVENT), 'not-found');
    const jammy = { ...SELECTION, release: 'jammy' };
    const other = await boot.addSelection(two, jammy, EVENT);
    assert.ok(typeof other === 'object');
    assert.equal(await boot.changeSelection(one, other.id, jammy, EVENT), 'not-found', 'it is of another source');
    const changed = await boot.changeSelection(two, other.id, { ...jammy, arches: ['arm64'] }, EVENT);
    assert.deepEqual(changed, { ...jammy, arches: ['arm64'], id: other.id, sourceId: two });
    assert.deepEqual(await boot.listSelections(), [added, changed]);
    assert.equal(await boot.removeSelection(one, other.id, EVENT), false);
    assert.equal(await boot.removeSource(two, EVENT), true);
    assert.deepEqual(await boot.listSelections(), [added]);
    assert.deepEqual(await boot.listSelections(two), []);
    assert.equal(await boot.removeSelection(one, added.id, EVENT), true);
    for (let index = 0; index < SELECTIONS_MAX; index += 1) {
      await boot.addSelection(one, { ...SELECTION, release: `r${index}` }, EVENT);
    }
    assert.equal(await boot.addSelection(one, SELECTION, EVENT), 'limit');
  });

  check(
    'a resource keeps its id, its progress and what is wanted of it until it is forgotten',
    async (store, place) => {
      const { boot } = store;
      const [noble, jammy] = ['ubuntu/noble/amd64/generic/release', 'ubuntu/jammy/amd64/generic/release'];
      await boot.addResources([noble], 1);
      await boot.noteProgress(new Map([[jammy, PROGRESS]]), 2);
      const found = await boot.listResources();
      assert.deepEqual(
        found.map(({ name, wish, progress }) => ({ name, wish, progress })),
        [
          { name: jammy, wish: 'import', progress: PROGRESS },
          { name: noble, wish: 'import', progress: undefined },
        ],
      );
      const [id] = found.map((one) => one.id);
      assert.ok(id !== undefined);
      assert.equal(await boot.wish(id, 'import', EVENT), true);
      await boot.noteProgress(new Map([[jammy, { ...PROGRESS, bytes: 6 }]]), 3);
      const other = await place.open();
      assert.deepEqual((await other.boot.listResources())[0], {
        id,
        name: jammy,
        wish: 'import',
        progress: { ...PROGRESS, bytes: 6 },
      });
      await other.close();
      assert.equal(await boot.wish(id, 'delete', EVENT), true);
      assert.equal(await boot.wish(id, 'import', EVENT), false, 'a deletion is not taken back');
      assert.equal(await boot.wish(999, 'import', EVENT), false);
      await boot.forget([jammy, noble]);
      assert.deepEqual(await boot.listResources(), []);
    },
  );

  check('resources have a bound, at which those that are only reported give way', async (store) => {
    const { boot } = store;
    await boot.noteProgress(new Map([['imported', PROGRESS]]), 1);
    await boot.addResources(
      Array.from({ length: RESOURCES_MAX }, (_, index) => `first-${index}`),
      1,
    );
    const names = async () => (await boot.listResources()).map(({ name }) => name);
    assert.equal((await names()).length, RESOURCES_MAX);
    await boot.addResources(['second', 'first-7'], 2);
    assert.deepEqual(await names(), ['first-7', 'imported', 'second']);
  });

  check('the machines that have a system are counted', async (store) => {
    for (const [index, osystem] of ['ubuntu', 'ubuntu', 'debian', ''].entries())
      await addMachine(store, `host-${index}`, [index], {
        osystem,
        release: osystem === '' ? '' : 'noble',
        status: index === 1 ? 'deploying' : 'deployed',
      });
    const uses = await store.boot.listUses();
    assert.deepEqual(
      uses
        .map(({ os, release, machines, deploying, first }) => `${os}/${release} ${machines} ${deploying} ${first}`)
        .sort(),
      ['debian/noble 1 0 host-2', 'ubuntu/noble 2 1 host-0'],
    );
  });

  check('a report on a download takes the place of the one before, and the oldest one goes', async (store) => {
    const { boot } = store;
    const report = (file: string, bytes: number) => ({ rack: 'r', file, bytes, error: '', atMs: bytes });
    await boot.changeRun({ askedMs: 10 });
    for (const bytes of [1, 2]) await boot.noteDownload(report('one', bytes), EVENT);
    await boot.noteDownload({ ...report('one', 9), rack: 'other' }, EVENT);
    const seen = (await boot.findRun()).downloads.map(({ rack, file, bytes }) => `${rack} ${file} ${bytes}`);
    assert.deepEqual(seen, ['r one 2', 'other one 9']);
    for (let at = 0; at < REPORTED_OF_RACK_MAX; at += 1) await boot.noteDownload(report(`f${at}`, 1), EVENT);
    const { askedMs, downloads } = await boot.findRun();
    const [other, oldest] = downloads;
    assert.deepEqual([askedMs, downloads.length], [10, REPORTED_OF_RACK_MAX + 1]);
    assert.deepEqual([other?.rack, oldest?.file], ['other', 'f0']);
  });

  check('the run keeps what is asked of it', async (store) => {
    const { boot } = store;
    assert.deepEqual(await boot.findRun(), NO_RUN);
    await boot.changeRun({ askedMs: 10 }, EVENT);
    assert.equal(isImporting(await boot.findRun()), true);
    await boot.changeRun({ begunMs: 11 });
    const skipped = [
      { name: 'x', reason: { code: 'not-offered', params: { source: 'y', arches: ['amd64'] } } },
      { name: 'z', reason: { code: 'stopped', params: {} } },
    ] as const satisfies ImportRun['skipped'];
    await boot.changeRun({ endedMs: 12, skipped: [...skipped] });
    const run = await boot.findRun();
    assert.deepEqual(run, { ...NO_RUN, askedMs: 10, begunMs: 11, endedMs: 12, skipped: [...skipped] });
    assert.equal(isImporting(run), false);
    assert.equal(await eventsOf(store), 1);
  });
}
