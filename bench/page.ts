// The list of machines on the page, with 5000 machines and 500 events a second about them: the time of a change of filter and of page, the
// delay of the event stream, and the time to an OFFER meanwhile.
//
//   a daemon's store ─ filled ─ the daemon starts ─ OFFERs alone ─ pages alone ─ pages, events and OFFERs together
//
// 1. Each event is a lease of another machine, so that machines change while they are listed.
// 2. One person opens pages as fast as they come.
// 3. The daemon and the loads run at real-time priority, so that the figures leave out how long other programs of the host keep them from
//    a processor: the rack's own thread and the OFFERs' load above the region's thread and the pages' load. They share two processors.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WITHOUT_WARNING } from '../bin/daemon-flags.js';
import { sleep, systemClock } from '../src/ground/clock.ts';
import { cookieName } from '../src/region/page/frame/login.ts';
import { Sessions } from '../src/region/page/frame/sessions.ts';
import { SIZES } from '../src/region/page/machines/machine-query.ts';
import { openRegionStore } from '../src/store/sqlite/region-sqlite.ts';
import type { Benchmark } from './benchmark.ts';
import { type Figure, Figures, RACKBOOT } from './figure.ts';
import { addAdministrator, FIRST_MAC, fill } from './filled-region.ts';
import { Ground, SERVER } from './isolation.ts';
import type { PageLoad } from './page-load.ts';

const MACHINES = 5000;
const EVENTS_PER_SECOND = 500;
const SECONDS = 10;
const ROUNDS = 3;
const HOST = `${SERVER}:5240`;
const WATCH_MS = 500;

/** Fills the store of a daemon that does not run, and signs an administrator in. */
async function prepare(stateDir: string): Promise<Pick<PageLoad, 'cookie' | 'key'>> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const store = openRegionStore({ stateDir });
  try {
    const key = await addAdministrator(store);
    await fill(store, 0, MACHINES);
    const user = await store.accounts.findUser('ann');
    if (user === undefined) throw new Error('the administrator was not added');
    return { key, cookie: `${cookieName(HOST)}=${await new Sessions(store.sessions, systemClock).open(user)}` };
  } finally {
    await store.close();
  }
}

/** The most events that waited for the region while `work` ran. */
async function mostWaiting(ground: Ground, work: Promise<unknown>): Promise<number> {
  const over = { isOver: false };
  const end = (): void => {
    over.isOver = true;
  };
  work.then(end, end);
  let most = 0;
  while (!over.isOver) {
    most = Math.max(most, await ground.counter('rackboot_outbox_events_waiting'));
    await sleep(WATCH_MS);
  }
  return most;
}

/** Lists of machines while machines change. */
export const pageBenchmark: Benchmark = {
  what: 'page',
  notes: [
    `The page with the list of ${MACHINES} machines of one daemon, ${SIZES[0]} on a page; one person opens a page as soon as the last one is there, ${SECONDS} s a case;`,
    `medians of ${ROUNDS} rounds. The daemon and the loads run at real-time priority, the rack above its region: what other programs take is left out. Together: ${EVENTS_PER_SECOND} leases of machines a second, the pages, the stream of events and the OFFERs at once.`,
  ],
  async run() {
    const figures = new Figures();
    const ground = new Ground();
    try {
      const access = await prepare(ground.stateDir);
      await ground.start();
      await ground.load('warm-up');
      await ground.ready();
      ground.prioritizeAll();
      const pages = async (label: string): Promise<readonly Figure[]> => {
        const load: PageLoad = {
          ...access,
          label,
          origin: `http://${HOST}`,
          seconds: SECONDS,
          rows: SIZES[0],
          pages: MACHINES / SIZES[0],
        };
        const file = join(import.meta.dirname, 'page-load.ts');
        return JSON.parse(await ground.runPrioritized(process.execPath, WITHOUT_WARNING, file, JSON.stringify(load)));
      };
      for (let round = 0; round < ROUNDS; round += 1) {
        figures.add(RACKBOOT, await ground.load('alone'));
        figures.add(RACKBOOT, await pages('alone'));
        ground.disturb('events', true, { perSecond: EVENTS_PER_SECOND, firstMac: FIRST_MAC, count: MACHINES });
        // As many leases as there are machines: afterwards none has its first address.
        await sleep((MACHINES / EVENTS_PER_SECOND) * 1000);
        const both = Promise.all([pages('together'), ground.load('together')]);
        const waiting = await mostWaiting(ground, both);
        ground.disturb('events', false);
        for (const some of await both) figures.add(RACKBOOT, some);
        figures.add(RACKBOOT, [
          { metric: 'together, events waiting for the region, at most', unit: '', value: waiting },
        ]);
      }
      return figures.results();
    } finally {
      await ground.remove();
    }
  },
};
