// Lists of all machines by the API, and machines that boot meanwhile: what a list costs for each machine with 1000 and with 10 000 machines,
// and the time to an OFFER while such lists follow one another.
//
//   a daemon's store ─ filled ─ the daemon starts ─ lists ─ OFFERs alone ─ OFFERs during lists ─ stop ─ the next size
//
// 1. A list is one request, which the region streams in pieces; its client reads it as fast as it comes.
// 2. The rack's own thread and the load's run at real-time priority, as in `isolation.ts`.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WITHOUT_WARNING } from '../bin/daemon-flags.js';
import { systemClock } from '../src/ground/clock.ts';
import { createApiKey } from '../src/region/accounts/accounts.ts';
import { openRegionStore } from '../src/store/sqlite/region-sqlite.ts';
import type { Benchmark } from './benchmark.ts';
import { type Figure, Figures, RACKBOOT } from './figure.ts';
import { fill } from './filled-region.ts';
import { Ground, SERVER } from './isolation.ts';

const SIZES = [1000, 10_000];
const LISTS = 5;
const LISTER = join(import.meta.dirname, 'list-load.ts');

/** Fills the store of a daemon that does not run. @returns the API key of a user */
async function prepare(stateDir: string, size: number): Promise<string> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const store = openRegionStore({ stateDir });
  try {
    await store.accounts.addUser({ username: 'ann', email: '', passwordHash: 'none', isAdmin: true, createdMs: 1 });
    await fill(store, 0, size);
    return await createApiKey(store, systemClock, 'ann');
  } finally {
    await store.close();
  }
}

async function measure(figures: Figures, size: number): Promise<void> {
  const ground = new Ground();
  try {
    const key = await prepare(ground.stateDir, size);
    await ground.start();
    await ground.load('warm-up');
    await ground.ready();
    const list = async (lists: number): Promise<readonly Figure[]> => {
      const settings = JSON.stringify({ url: `http://${SERVER}:5240/MAAS/api/2.0/machines/`, key, size, lists });
      const node = [WITHOUT_WARNING, LISTER, settings];
      return JSON.parse(await ground.run(undefined, process.execPath, ...node));
    };
    figures.add(RACKBOOT, await list(LISTS));
    figures.add(RACKBOOT, await ground.load(`${size} machines`));
    // Until it is stopped: the load ends earlier.
    const lists = { isOver: false };
    const listing = (async () => {
      while (!lists.isOver) await list(1);
    })();
    const during = await ground.load(`${size} machines, during lists`);
    lists.isOver = true;
    await listing;
    figures.add(RACKBOOT, during);
  } finally {
    await ground.remove();
  }
}

/** Lists of machines, and OFFERs during them. */
export const apiBenchmark: Benchmark = {
  what: 'api',
  notes: [
    'Lists of all machines with their facts (one disk) of one daemon, as JSON; medians of the lists, one after the other. For each machine: the',
    'time of a list by its machines. OFFERs: as in `isolation`; during lists: one list follows another, each by a new client process.',
  ],
  async run() {
    const figures = new Figures();
    for (const size of SIZES) await measure(figures, size);
    return figures.results();
  },
};
