// The imports of a region: after the importing thread has broken, nothing is shown as under way, and a new run forgets that nothing was selected.
// @host waits

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { listTreeParts } from '../../src/images/run/tree-parts.ts';
import { formatResourceName } from '../../src/region/images/region-source.ts';
import type { NewMachineEvent } from '../../src/region/records/machine-event.ts';
import { ImageThread } from '../../src/region-host/imports/image-thread.ts';
import { ImportControl } from '../../src/region-host/imports/import-control.ts';
import { makeRegion, type RegionPlace } from '../region/place.ts';
import { eventually } from '../support/running-rack.ts';
import { putPart } from '../support/tree-part.ts';

const tree = mkdtempSync(join(tmpdir(), 'rackboot-import-control-'));
const images = new ImageThread();
after(async () => {
  await images.end();
  rmSync(tree, { recursive: true, force: true });
});

/** A thread that shows two imports, and breaks half a second later. */
const BREAKING = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    const progress = (state) => ({ state, source: 'site', title: '', bytes: 5, total: 10, bytesPerSecond: 1 });
    parentPort.on('message', ({ kind, id }) => {
      if (kind !== 'run') return;
      const items = new Map([
        ['ubuntu/noble/amd64/generic/release', progress('downloading')],
        ['ubuntu/jammy/amd64/generic/release', progress('queued')],
        ['ubuntu/focal/amd64/generic/release', progress('done')],
      ]);
      parentPort.postMessage({ id, line: { items } });
      setTimeout(() => { throw new Error('no memory is left'); }, 500);
    });
  `)}`,
);

const EVENT: NewMachineEvent = { type: 'SETTINGS', code: 'rack', params: { text: 'boot' }, atMs: 1, username: 'bob' };
const SOURCE = {
  url: 'https://images.example/',
  index: 'streams/v1/index.json',
  why: 'a test',
  updatedMs: 1,
  keyringFilename: '',
  keyring: new Uint8Array(),
};
const SELECTION = { os: '*', release: '*', arches: ['*'], subarches: ['*'], labels: ['*'] };

test('after the thread has broken, no image stays under way, and the list says why', async () => {
  const place = await makeRegion({ imageStore: tree });
  const { boot } = place.store;
  const problems: string[] = [];
  const control = new ImportControl({
    region: place.region,
    clock: place.clock,
    locationId: '',
    images,
    runThread: new ImageThread(BREAKING),
    onProblem: (reason) => problems.push(reason),
  });
  try {
    await boot.changeRun({ askedMs: 1 });
    control.begin();
    const reasons = async (): Promise<readonly string[]> =>
      (await boot.findRun()).skipped.map(({ reason }) => reason.code);
    await eventually('nothing is selected', async () => (await reasons()).includes('nothing-selected') || undefined);
    const source = await boot.addSource(SOURCE, EVENT);
    assert.ok(typeof source === 'object');
    await boot.addSelection(source.id, SELECTION, EVENT);
    await boot.changeRun({ askedMs: place.clock.wallTimeMs() + 10 });
    control.check();
    const stateOf = async (release: string): Promise<string | undefined> =>
      (await boot.listResources()).find(({ name }) => name.startsWith(`ubuntu/${release}/`))?.progress?.state;
    await eventually('an image is downloaded', async () => (await stateOf('noble')) === 'downloading' || undefined);
    assert.deepEqual(await reasons(), []);
    await eventually('the run has ended', async () => (await reasons()).includes('thread-ended') || undefined);
    assert.deepEqual(await Promise.all(['noble', 'jammy', 'focal'].map(stateOf)), ['cancelled', 'cancelled', 'done']);
    const run = await boot.findRun();
    assert.ok(run.endedMs >= run.begunMs);
    assert.deepEqual(problems, ['the importing thread ended: no memory is left']);
  } finally {
    await control.close();
    await place.remove();
  }
});

/** A thread that imports images one after the other, and waits for a stop at the second one. */
const STOPPED = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    let names = [];
    let run = 0;
    const report = (line) => parentPort.postMessage({ id: run, line });
    const progress = { source: 'https://images.example/', title: '', bytes: 5, total: 10 };
    const show = (state, reason) => report({ items: new Map(names.map((name) => [name, { ...progress, state, reason }])) });
    const end = () => {
      report({ done: { left: { skipped: [], more: 0 }, orders: 1 } });
      parentPort.close();
    };
    parentPort.on('message', ({ kind, id, order, tell }) => {
      if (kind === 'run') {
        run = id;
        names = order.images.length > 0 ? order.images : ['noble', 'jammy', 'focal'].map((one) => 'ubuntu/' + one + '/amd64/generic/release');
        show(names.length === 1 ? 'done' : 'downloading');
        if (names.length === 1) end();
      } else if (tell === 'stop') {
        show('cancelled', { code: 'stopped', params: {} });
        end();
      }
    });
  `)}`,
);

test('to resume one image after a stop leaves the others stopped, and their next try as it was', async () => {
  const own = mkdtempSync(join(tree, 'tree-'));
  const place = await makeRegion({ imageStore: own, importEverySeconds: 3600 });
  const { region, clock } = place;
  const { bootImages } = region;
  const { boot } = place.store;
  const control = new ImportControl({
    region,
    clock,
    images,
    locationId: '',
    runThread: new ImageThread(STOPPED),
    onProblem: assert.fail,
  });
  const states = async (): Promise<string> =>
    (await boot.listResources()).map(({ name, progress }) => `${name.split('/')[1]} ${progress?.state}`).join(', ');
  const are = (wanted: string): Promise<unknown> =>
    eventually(wanted, async () => (await states()) === wanted || undefined);
  const nextTries = async (): Promise<readonly (number | undefined)[]> =>
    (await bootImages.listResources()).map(({ progress }) => progress?.nextMs);
  const isIdle = (): Promise<unknown> =>
    eventually('it is idle', async () => {
      const run = await boot.findRun();
      return (run.endedMs >= run.begunMs && run.nextMs > 0 && !(await bootImages.isImporting())) || undefined;
    });
  try {
    const source = await boot.addSource(SOURCE, EVENT);
    assert.ok(typeof source === 'object');
    await boot.addSelection(source.id, SELECTION, EVENT);
    await bootImages.requestImport('bob');
    control.begin();
    await are('focal downloading, jammy downloading, noble downloading');
    const ask = async (work: () => Promise<unknown>): Promise<void> => {
      await work();
      control.check();
    };
    await clock.pass(1000);
    await ask(() => bootImages.stopImport('bob'));
    await are('focal cancelled, jammy cancelled, noble cancelled');
    await isIdle();
    const before = await nextTries();
    assert.ok(before.every((next) => next !== undefined));
    await clock.pass(60_000);
    const jammy = (await boot.listResources()).find(({ name }) => name.includes('jammy'));
    assert.ok(jammy !== undefined);
    await ask(() => bootImages.requestForImage(jammy, 'import', 'bob'));
    await are('focal cancelled, jammy done, noble cancelled');
    await isIdle();
    const [focal, , noble] = await nextTries();
    assert.deepEqual([focal, noble], [before[0], before[2]]);
    assert.equal(await states(), 'focal cancelled, jammy done, noble cancelled');
    await boot.removeSource(source.id, EVENT);
    assert.deepEqual(await nextTries(), [undefined, undefined, undefined], 'nothing tries them any more');
    const again = await boot.addSource(SOURCE, EVENT);
    assert.ok(typeof again === 'object');
    await boot.addSelection(again.id, SELECTION, EVENT);
    await ask(() => bootImages.requestImport('bob'));
    await are('focal downloading, jammy downloading, noble downloading');
    await ask(() => bootImages.requestForImage(jammy, 'import', 'bob'));
    assert.deepEqual((await boot.findRun()).images, [], 'the run for all continues');
  } finally {
    await control.close();
    await place.remove();
  }
});

/** A thread whose runs end at once, without any image. */
const EMPTY = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.once('message', ({ id }) => {
      parentPort.postMessage({ id, line: { done: { left: { skipped: [], more: 0 }, orders: 1 } } });
    });
  `)}`,
);
const FILES = { 'bootx64.efi': 'shim' };
const LOADERS = ['bootloader/uefi/amd64', 'bootloader/pxe/amd64'];

interface Controlled {
  readonly place: RegionPlace;
  readonly tree: string;
  readonly control: ImportControl;
  /** Runs once, with one source. */
  readonly run: () => Promise<void>;
}

async function withControl(work: (controlled: Controlled) => Promise<void>): Promise<void> {
  const own = mkdtempSync(join(tree, 'tree-'));
  const place = await makeRegion({ imageStore: own });
  const { region, clock, store } = place;
  const control = new ImportControl({
    region,
    clock,
    images,
    locationId: '',
    runThread: new ImageThread(EMPTY),
    onProblem: assert.fail,
  });
  try {
    const source = await store.boot.addSource(SOURCE, EVENT);
    assert.ok(typeof source === 'object');
    await store.boot.addSelection(source.id, SELECTION, EVENT);
    const run = async (): Promise<void> => {
      const askedMs = Math.max(clock.wallTimeMs(), (await store.boot.findRun()).endedMs) + 1;
      await store.boot.changeRun({ askedMs });
      control.check();
      await eventually('the run has ended', async () => (await store.boot.findRun()).endedMs >= askedMs || undefined);
    };
    control.begin();
    await work({ place, tree: own, control, run });
  } finally {
    await control.close();
    await place.remove();
  }
}

test('each deletion that cannot be carried out is listed, next to the rest of the list, until it is carried out', () =>
  withControl(async ({ place, tree: own, control, run }) => {
    const { boot } = place.store;
    await run();
    const reason = { code: 'not-offered', params: { source: SOURCE.url, arches: [] } } as const;
    await boot.changeRun({ skipped: [{ name: '*/*', reason }], skippedMore: 0 });
    for (const directory of LOADERS) {
      putPart(own, directory, FILES, { os: 'bootloader', title: directory, serial: '20261101' });
      writeFileSync(join(own, directory, 'mine'), 'mine');
    }
    const parts = listTreeParts(own).map(formatResourceName);
    await boot.addResources(parts, 1);
    for (const { id } of await boot.listResources()) await boot.wish(id, 'delete', EVENT);
    control.check();
    const skipped = async (): Promise<readonly string[]> =>
      (await boot.findRun()).skipped.map(({ name, reason: { code } }) => `${name} ${code}`).toSorted();
    const undeleted = parts.map((name) => `${name} not-deleted`);
    await eventually('both are listed', async () => (await skipped()).length === 3 || undefined);
    assert.deepEqual(await skipped(), ['*/* not-offered', ...undeleted.toSorted()]);
    await run();
    assert.deepEqual(await skipped(), undeleted.toSorted());
    for (const directory of LOADERS) rmSync(join(own, directory, 'mine'));
    control.check();
    await eventually('both are deleted', async () => listTreeParts(own).length === 0 || undefined);
    await eventually('none is listed', async () => (await skipped()).length === 0 || undefined);
  }));

test('the failure of an image that is here, and that nothing selects any more, ends with the run', () =>
  withControl(async ({ place, tree: own, run }) => {
    const { boot } = place.store;
    putPart(own, 'bootloader/uefi/amd64', FILES, { os: 'bootloader', title: '', serial: '20261101' });
    const [name = ''] = listTreeParts(own).map(formatResourceName);
    const reason = { code: 'other-bytes', params: { said: 'another is here' } } as const;
    const progress = { state: 'failed', source: 'removed', title: '', bytes: 0, reason } as const;
    await boot.noteProgress(new Map([[name, progress]]), 1);
    await run();
    const found = (await boot.listResources()).find((one) => one.name === name)?.progress;
    assert.deepEqual([found?.state, found?.reason?.code], ['cancelled', 'no-offer']);
  }));

test('entries of an earlier run for sources and images that are gone are not shown while a new run waits', () =>
  withControl(async ({ place, run }) => {
    const { boot } = place.store;
    const said = { code: 'said', params: { said: 'it does not answer' } } as const;
    const { url } = SOURCE;
    const kept = [
      { name: url, reason: said },
      { name: '*/*', reason: { code: 'not-offered', params: { source: url, arches: [] } } },
      { name: 'known', reason: said },
      { name: 'taken', reason: { code: 'release-taken', params: { place: 'amd64/generic/trixie', holder: 'known' } } },
    ] as const;
    const gone = [
      { name: 'removed', reason: said },
      { name: 'ubuntu/noble', reason: { code: 'not-offered', params: { source: url, arches: [] } } },
      { name: 'known', reason: { code: 'earlier-source', params: { first: 'removed', source: url } } },
      { name: 'known', reason: { code: 'later-source', params: { first: 'removed', source: url } } },
      { name: url, reason: { code: 'unanswered', params: {} } },
    ] as const;
    const { listSelectedSources: selectedSources, listStillSkipped: stillSkipped } = await import(
      '../../src/region-host/imports/run-request.ts'
    );
    const resources = [{ id: 1, name: 'known', wish: 'import', progress: undefined, changedMs: 1 }] as const;
    await run();
    await boot.changeRun({ skipped: [...kept, ...gone] });
    const sources = await selectedSources(place.region);
    assert.deepEqual(stillSkipped((await boot.findRun()).skipped, sources, resources), kept);
  }));
