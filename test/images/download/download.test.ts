// One download: a command at an unlucky moment, and the mode of its file.
// @host waits

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sleep } from '../../../src/clock.ts';
import type { Download } from '../../../src/images/download/request.ts';
import type { Behaviour } from '../../support/hostile-file-server.ts';
import { type DownloadPlace, makeContent, placeForEach } from './download-place.ts';

const CONTENT = makeContent(1000);
/** Turns of promises between the wish for a place and the state `connecting`, and some more. */
const TURNS = 12;

let place: DownloadPlace;
placeForEach((made) => {
  place = made;
});

const start = async (behave: Behaviour): Promise<string> => (await place.serve(CONTENT, behave)).url;

/** Pauses a download so many turns after it begins to wait for a place. */
const pauseAfter = (turns: number, download: Download): Promise<void> =>
  new Promise((resolve) => {
    const unwatch = download.watch(() => {
      unwatch();
      const turn = (left: number): void => {
        if (left > 0) {
          queueMicrotask(() => turn(left - 1));
          return;
        }
        download.pause();
        resolve();
      };
      turn(turns);
    });
  });

test('a pause shows at once and stays, even right after a place was given', async () => {
  const url = await start(() => undefined);
  const queue = place.queue();
  for (let turns = 0; turns < TURNS; turns += 1) {
    const download = queue.add(place.request([url], CONTENT, { name: `image-${turns}` }));
    await pauseAfter(turns, download);
    await sleep(20);
    assert.equal(download.state.kind, 'paused', `after ${turns} turns`);
  }
});

test('the last 16 attempts are remembered (ATTEMPTS_KEPT_MAX)', async () => {
  const url = await start(({ response }) => void response.writeHead(500).end());
  const { attempts } = await place.run(place.request([url], CONTENT), { roundsMax: 30, pauseMs: 1, pauseMsMax: 2 });
  assert.equal(place.servers[0]?.requests.length, 30);
  assert.equal(attempts.length, 16);
});

test('every user of the host can read a finished file, whatever the umask', async () => {
  const url = await start(({ serve }) => serve());
  const umask = process.umask(0o077);
  try {
    await place.run(place.request([url], CONTENT));
  } finally {
    process.umask(umask);
  }
  assert.equal(statSync(join(place.directory, 'image')).mode & 0o777, 0o644);
});
