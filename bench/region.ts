// A region with many machines and 100 racks: the time to list all machines, how many are enlisted a second, and the time from a command until
// every rack has acknowledged it; with 1000, 10 000 and more machines, on SQLite and on PostgreSQL with one, two and three processes.
//
//   filled up to so many machines ─ copied to each store ─ its processes start ─ lists ─ racks link themselves: commands ─ enlistments ─ stop
//
// 1. The processes are those that the service runs, each with its own connections; the load asks them in turn.
// 2. PostgreSQL is Debian's, with its default settings, on this host: it shares the processors with the region and with the load.

import { fork } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../src/ground/clock.ts';
import type { DaemonProcess } from '../src/lab/daemon-process.ts';
import { type LabPlace, labPlace } from '../src/lab/safe-lab.ts';
import { MACHINES_MAX } from '../src/machines/machine.ts';
import { writeToPostgres } from '../src/store/copying/copy-postgres.ts';
import { SqliteSource } from '../src/store/copying/copy-sqlite.ts';
import { copyRegion } from '../src/store/copying/region-copy.ts';
import { REGION_FILE } from '../src/store/region/region-schema.ts';
import { openRegionStore } from '../src/store/sqlite/region-sqlite.ts';
import { ended, hasEnded } from '../test/support/child.ts';
import { authorizationOf } from '../test/support/oauth.ts';
import { PostgresServer } from '../test/support/postgres-server.ts';
import type { Benchmark } from './benchmark.ts';
import { type Figure, Figures, median, RACKBOOT } from './figure.ts';
import { addAdministrator, download, enlistMachines, fill, startRegion, systemIdOf, urlOf } from './filled-region.ts';
import type { Acknowledged } from './rack-links.ts';
import { measureHosts } from './region-hosts.ts';

const SIZES = [1000, 10_000];
/** A region has at most MACHINES_MAX machines: this leaves room for those that enlist themselves. */
const LARGE = MACHINES_MAX - 5000;
const LISTS = 5;
const PLACES = [labPlace(76), labPlace(77), labPlace(78)] as const;
const RACKS = 100;
/** With LARGE: one process of the load has the desired states of all its racks. */
const RACKS_OF_LARGE = 10;
const COMMANDS = 20;
const QUIET_MS = 300;
/** A key that each machine of a list has once. */
const MACHINE_KEY = '"hardware_info":';
const ACKNOWLEDGED_MS_MAX = 120_000;
const RACK_LINKS = join(import.meta.dirname, 'rack-links.ts');

/** A store that has machines, and how many processes serve it. */
interface Contender {
  readonly name: string;
  readonly processes: number;
  /** The region's part of their configuration. */
  readonly store: string;
  /** Where it is; undefined: each process has a state directory of its own. */
  readonly stateDir?: string;
}

/** Lists and enlistments of machines. */
export const regionBenchmark: Benchmark = {
  what: 'region',
  options: ['large'],
  notes: [
    'Lists of all machines with their facts (one disk), as JSON over loopback: the first, and the next ones; enlistments by 16 connections.',
    'The region’s processes, the database and the load share all processors. `large` adds 95 000 machines. Last, each process has a fifth',
    'of a processor.',
  ],
  async run(options) {
    const figures = new Figures();
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-bench-region-'));
    const server = await PostgresServer.start({ settings: [] });
    try {
      const filled = { stateDir: mkdtempSync(join(directory, 'filled-')), key: '', machines: 0 };
      for (const size of options.has('large') ? [...SIZES, LARGE] : SIZES) {
        const store = openRegionStore({ stateDir: filled.stateDir });
        if (filled.machines === 0) filled.key = await addAdministrator(store);
        await fill(store, filled.machines, size);
        await store.close();
        filled.machines = size;
        for await (const contender of contenders(directory, server, filled.stateDir))
          await measure(figures, directory, size, filled.key, contender);
      }
      await measureHosts(figures, directory, server, PLACES);
      return figures.results();
    } finally {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** Each has a copy of what was filled, which is removed when the next one's turn comes. */
async function* contenders(directory: string, server: PostgresServer, filledDir: string): AsyncGenerator<Contender> {
  const stateDir = mkdtempSync(join(directory, 'sqlite-'));
  cpSync(join(filledDir, REGION_FILE), join(stateDir, REGION_FILE));
  yield { name: RACKBOOT, processes: 1, store: 'kind: sqlite', stateDir };
  rmSync(stateDir, { recursive: true });
  const template = await server.makeDatabase();
  await writeToPostgres(server.placeOf(template), async (target) => {
    const source = new SqliteSource(join(filledDir, REGION_FILE));
    try {
      await copyRegion(source, target, () => undefined);
    } finally {
      source.close();
    }
  });
  for (const processes of [1, 2, 3]) {
    const database = await server.makeDatabase(template);
    const store = `kind: postgresql, url: "${server.urlOf(database)}"`;
    yield { name: `PostgreSQL, ${processes}`, processes, store };
    await server.removeDatabase(database);
  }
  await server.removeDatabase(template);
}

async function measure(
  figures: Figures,
  directory: string,
  size: number,
  key: string,
  contender: Contender,
): Promise<void> {
  const places = PLACES.slice(0, contender.processes);
  const daemons: DaemonProcess[] = [];
  try {
    for (const place of places) {
      const stateDir = contender.stateDir ?? mkdtempSync(join(directory, 'state-'));
      daemons.push(await startRegion(place, contender.store, stateDir));
    }
    const title = size.toLocaleString('en').replaceAll(',', ' ');
    const tell = (measured: readonly Figure[]): void => {
      figures.add(contender.name, measured);
      // The whole takes minutes.
      for (const { metric, unit, value } of measured)
        console.error(`${contender.name}: ${metric}: ${value.toFixed(1)} ${unit}`);
    };
    tell(await measureLists(places, key, title, size));
    tell([await measureCommands(places, key, title, size === LARGE ? RACKS_OF_LARGE : RACKS)]);
    const { count, seconds } = await enlistMachines(places, key, size);
    tell([{ metric: `enlistments with ${title} machines`, unit: '/s', value: count / seconds }]);
  } finally {
    for (const daemon of daemons) await daemon.stop();
  }
}

async function measureLists(
  places: readonly LabPlace[],
  key: string,
  title: string,
  size: number,
): Promise<readonly Figure[]> {
  const times: number[] = [];
  let first = 0;
  let bytes = 0;
  for (let round = 0; round <= LISTS; round += 1) {
    const place = places[round % places.length] ?? PLACES[0];
    const from = performance.now();
    const pieces = await download(urlOf(place, 'machines/'), key);
    const ms = performance.now() - from;
    if (round === 0) first = ms;
    else times.push(ms);
    bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    const count = round === 0 ? countMachines(Buffer.concat(pieces)) : size;
    if (count < size) throw new Error(`a list of ${title} machines has ${count}`);
  }
  return [
    { metric: `first list of ${title} machines`, unit: 'ms', value: first },
    { metric: `list of ${title} machines`, unit: 'ms', value: median(times) },
    { metric: `its size, ${title}`, unit: 'MB', value: bytes / 1e6 },
  ];
}

/** Machines of a list, which may be longer than the longest string. */
function countMachines(list: Buffer): number {
  let count = 0;
  for (let at = list.indexOf(MACHINE_KEY); at !== -1; at = list.indexOf(MACHINE_KEY, at + 1)) count += 1;
  return count;
}

/** Links racks, and gives commands one after the other, each to another machine. */
async function measureCommands(
  places: readonly LabPlace[],
  key: string,
  title: string,
  count: number,
): Promise<Figure> {
  const urls = places.map(({ regionPort }) => `http://127.0.0.1:${regionPort}/MAAS`);
  const racks = fork(RACK_LINKS, [String(count), key, ...urls]);
  let last: Acknowledged = { version: -1, atMs: 0 };
  racks.on('message', (message: Acknowledged) => {
    last = message;
  });
  const beyond = async (version: number): Promise<number> => {
    const until = performance.now() + ACKNOWLEDGED_MS_MAX;
    while (last.version <= version) {
      if (performance.now() > until || hasEnded(racks)) throw new Error(`${count} racks do not acknowledge a change`);
      await sleep(1);
    }
    return last.atMs;
  };
  try {
    await beyond(-1);
    const times: number[] = [];
    for (let index = 0; index < COMMANDS; index += 1) {
      // The consequences of the previous command are over.
      await sleep(QUIET_MS);
      const { version } = last;
      const from = systemClock.wallTimeMs();
      const place = places[index % places.length] ?? PLACES[0];
      const answer = await fetch(urlOf(place, `machines/${systemIdOf(index)}/?op=commission`), {
        method: 'POST',
        headers: { Authorization: authorizationOf(key) },
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`a machine was not commissioned: ${answer.status} ${text}`);
      times.push((await beyond(version)) - from);
    }
    return { metric: `command to ${count} racks, ${title}`, unit: 'ms', value: median(times) };
  } finally {
    if (!hasEnded(racks)) racks.disconnect();
    await ended(racks);
  }
}
