// Profiles a daemon from within: loaded before it (`--import`), in each of its threads. While the file `on` exists in the directory of
// RACKBOOT_PROFILE, V8 samples the thread; when it is deleted, the samples are in the same directory as `THREAD.cpuprofile`.

import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { isMainThread, threadId, threadName } from 'node:worker_threads';
import { systemClock } from '../src/ground/clock.ts';

const LOOK_MS = 50;
const SAMPLE_US = 250;

const directory = process.env.RACKBOOT_PROFILE;
if (directory !== undefined) profileOnDemand(directory);

function profileOnDemand(place: string): void {
  const name = isMainThread ? 'main' : threadName || `worker-${threadId}`;
  const file = join(place, `${name}.cpuprofile`);
  const session = new Session();
  session.connect();
  let sampling = false;
  const look = async (): Promise<void> => {
    const wanted = existsSync(join(place, 'on'));
    if (wanted && !sampling) {
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
      await session.post('Profiler.start');
    } else if (!wanted && sampling) {
      const { profile } = await session.post('Profiler.stop');
      writeFileSync(`${file}.part`, JSON.stringify(profile));
      renameSync(`${file}.part`, file);
    }
    sampling = wanted;
    systemClock.schedule(LOOK_MS, () => void look());
  };
  void look();
}
