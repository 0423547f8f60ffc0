// The imports of a region: after the importing thread has broken, nothing is shown as under way, and a new run forgets that nothing was selected.
// @host waits

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { NewMachineEvent } from '../../src/region/records/machine-event.ts';
import { ImportControl } from '../../src/region-thread/imports/import-control.ts';
import { makeRegion } from '../region/place.ts';
import { eventually } from '../support/running-rack.ts';

const tree = mkdtempSync(join(tmpdir(), 'rackboot-import-control-'));
after(() => rmSync(tree, { recursive: true, force: true }));

/** A thread that shows two imports, and breaks half a second later. */
const BREAKING = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    const progress = (state) => ({ state, source: 'site', title: '', bytes: 5, total: 10, bytesPerSecond: 1 });
    parentPort.on('message', ({ kind }) => {
      if (kind !== 'run') return;
      const entries = new Map([
        ['ubuntu/noble/amd64/generic/release', progress('downloading')],
        ['ubuntu/jammy/amd64/generic/release', progress('queued')],
        ['ubuntu/focal/amd64/generic/release', progress('done')],
      ]);
      parentPort.postMessage({ kind: 'progress', entries });
      setTimeout(() => { throw new Error('no memory is left'); }, 500);
    });
  `)}`,
);

const EVENT: NewMachineEvent = { type: 'SETTINGS', code: 'rack', params: { text: 'boot' }, atMs: 1, username: 'bob' };
const SOURCE = {
  ...{ url: 'https://images.example/', index: 'streams/v1/index.json', why: 'a test', updatedMs: 1 },
  ...{ keyringFilename: '', keyring: new Uint8Array() },
};
const SELECTION = { os: '*', release: '*', arches: ['*'], subarches: ['*'], labels: ['*'] };

test('after the thread has broken, no image stays under way, and the list says why', async () => {
  const place = await makeRegion({ imageStore: tree });
  const { boot } = place.store;
  const problems: string[] = [];
  const control = new ImportControl({
    ...{ region: place.region, clock: place.clock, place: '', threadFile: BREAKING },
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
    control.look();
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
