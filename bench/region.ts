// A region with many machines and 100 racks: the time to list all machines, how many are enlisted a second, and the time from a command until
// every rack has acknowledged it; with 1000, 10 000 and more machines, on SQLite and on PostgreSQL with one, two and three processes.
//
//   a store ─ filled up to so many machines ─ its processes start ─ lists ─ racks link themselves: commands ─ enlistments ─ stop ─ the next size
//
// 1. The processes are those that the service runs, each with its own connections; the load asks them in turn.
// 2. PostgreSQL is Debian's, with its default settings, on this host: it shares the processors with the region and with the load.

import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../src/clock.ts';
import { DaemonProcess } from '../src/lab/daemon-process.ts';
import { type LabPlace, labPlace } from '../src/lab/safe-lab.ts';
import { enlistmentForm, simulatedHardware } from '../src/lab/simulated-hardware.ts';
import { formatMac, type MacAddress, mac } from '../src/net/address.ts';
import { createApiKey } from '../src/region/accounts/accounts.ts';
import { parseHardwareFacts } from '../src/region/records/hardware-facts.ts';
import type { MachineFields } from '../src/region/records/machine.ts';
import type { RegionStore } from '../src/region/records/store.ts';
import { openPostgresRegion } from '../src/store/postgres/region-postgres.ts';
import { openRegionStore } from '../src/store/sqlite/region-sqlite.ts';
import { ended, hasEnded } from '../test/support/child.ts';
import { authorizationOf } from '../test/support/oauth.ts';
import { PostgresServer } from '../test/support/postgres-server.ts';
import { REGION_SERVICE, regionFile } from '../test/support/region-process.ts';
import type { Benchmark } from './benchmark.ts';
import { type Figure, Figures, median, RACKBOOT } from './figure.ts';
import type { Acknowledged } from './rack-links.ts';

const SIZES = [1000, 10_000];
const LARGE = 100_000;
const FILLED_AT_ONCE = 500;
const LISTS = 5;
const CLIENTS = 16;
const ENLIST_MS = 5000;
const PLACES = [labPlace(76), labPlace(77), labPlace(78)] as const;
const RACKS = 100;
const COMMANDS = 20;
const QUIET_MS = 300;
const ACKNOWLEDGED_MS_MAX = 120_000;
const RACK_LINKS = join(import.meta.dirname, 'rack-links.ts');

/** A store, and how many processes serve it. */
interface Contender {
  readonly name: string;
  readonly processes: number;
  /** The region's part of their configuration. */
  readonly store: string;
  /** Where it is; undefined: each process has a state directory of its own. */
  readonly stateDir?: string;
  open(): Promise<RegionStore>;
}

/** Lists and enlistments of machines. */
export const regionBenchmark: Benchmark = {
  what: 'region',
  options: ['large'],
  notes: [
    'Lists of all machines with their facts (one disk), as JSON over loopback; enlistments by 16 connections. The region’s processes, the',
    'database and the load share all processors. `large` adds 100 000 machines.',
  ],
  async run(options) {
    const figures = new Figures();
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-bench-region-'));
    const server = await PostgresServer.start({ settings: [] });
    try {
      const sizes = options.has('large') ? [...SIZES, LARGE] : SIZES;
      const stateDir = mkdtempSync(join(directory, 'sqlite-'));
      await measure(figures, directory, sizes, {
        ...{ name: RACKBOOT, processes: 1, store: 'kind: sqlite' },
        open: async () => openRegionStore({ stateDir }),
        stateDir,
      });
      for (const processes of [1, 2, 3]) {
        const database = await server.makeDatabase();
        await measure(figures, directory, sizes, {
          name: `PostgreSQL, ${processes}`,
          processes,
          store: `kind: postgresql, url: "${server.urlOf(database)}"`,
          open: () => openPostgresRegion(server.placeOf(database)),
        });
      }
      return figures.results();
    } finally {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function measure(
  figures: Figures,
  directory: string,
  sizes: readonly number[],
  contender: Contender,
): Promise<void> {
  const places = PLACES.slice(0, contender.processes);
  let key = '';
  let filled = 0;
  for (const size of sizes) {
    const store = await contender.open();
    if (key === '') {
      const account = { username: 'ann', email: '', passwordHash: 'none', isAdmin: true, createdMs: 1 };
      await store.accounts.addUser(account);
      key = await createApiKey(store, systemClock, account.username);
    }
    await fill(store, filled, size);
    await store.close();
    const daemons: DaemonProcess[] = [];
    try {
      for (const place of places) {
        const stateDir = contender.stateDir ?? mkdtempSync(join(directory, 'state-'));
        daemons.push(await startRegion(place, contender.store, stateDir));
      }
      const title = size.toLocaleString('en').replaceAll(',', ' ');
      figures.add(contender.name, await measureLists(places, key, title, size));
      figures.add(contender.name, [await measureCommands(places, key, filled, title)]);
      const enlisted = await measureEnlistments(places, key, size, title);
      figures.add(contender.name, [enlisted.figure]);
      filled = size + enlisted.count;
    } finally {
      for (const daemon of daemons) await daemon.stop();
    }
  }
}

async function startRegion(place: LabPlace, store: string, stateDir: string): Promise<DaemonProcess> {
  const config = join(stateDir, 'region.yaml');
  writeFileSync(config, regionFile(place, JSON.stringify(stateDir), store));
  return await DaemonProcess.start({ config, command: REGION_SERVICE, onLine: () => undefined });
}

const systemIdOf = (index: number): string => (36 ** 5 + index).toString(36);

/** Adds machines as machines report themselves, until there are enough. */
export async function fill(store: RegionStore, from: number, upTo: number): Promise<void> {
  for (let first = from; first < upTo; first += FILLED_AT_ONCE) {
    await store.transact(async () => {
      for (let index = first; index < Math.min(upTo, first + FILLED_AT_ONCE); index += 1)
        await addMachine(store, index);
    });
  }
}

/** The form in which a machine with this hardware address enlists itself. */
function formOf(address: MacAddress): URLSearchParams {
  const hardware = { ...simulatedHardware(address & 0xffff), mac: address };
  return new URLSearchParams(enlistmentForm(hardware, formatMac(address)));
}

async function addMachine(store: RegionStore, index: number): Promise<void> {
  const address = mac(0x0200_0000_0000 + index);
  const form = formOf(address);
  const parsed = parseHardwareFacts(form.get('hardware_facts') ?? '');
  if (parsed.kind === 'fault') throw new Error('the facts of a simulated machine are not taken');
  const fields: MachineFields = {
    ...{ hostname: `filled-${index}`, domain: 'maas', description: '', status: 'ready', statusSinceMs: 1 },
    ...{ architecture: 'amd64', subarchitecture: 'generic', osystem: '', release: '', netboot: true },
    ...{ powerType: '', powerParameters: {}, powerState: 'unknown', facts: parsed.value },
  };
  const systemId = systemIdOf(index);
  await store.enlist({ macs: [address], values: [], atMs: 1 }, () => ({
    ...{ kind: 'create', systemId, fields, events: [] },
    interfaces: [{ mac: address, name: 'eth0', source: 'vouched' }],
  }));
}

const urlOf = ({ regionPort }: LabPlace, path: string): string => `http://127.0.0.1:${regionPort}/MAAS/api/2.0/${path}`;

async function measureLists(
  places: readonly LabPlace[],
  key: string,
  title: string,
  size: number,
): Promise<readonly Figure[]> {
  const times: number[] = [];
  let bytes = 0;
  for (let round = 0; round <= LISTS; round += 1) {
    const place = places[round % places.length] ?? PLACES[0];
    const from = performance.now();
    const answer = await fetch(urlOf(place, 'machines/'), { headers: { Authorization: authorizationOf(key) } });
    const text = await answer.arrayBuffer();
    if (round > 0) times.push(performance.now() - from);
    bytes = text.byteLength;
    const count = round === 0 ? Buffer.from(text).toString().split('"hardware_info":').length - 1 : size;
    if (!answer.ok || count < size) throw new Error(`a list of ${title} machines has ${count}: ${answer.status}`);
  }
  return [
    { metric: `list of ${title} machines`, unit: 'ms', value: median(times) },
    { metric: `its size, ${title}`, unit: 'MB', value: bytes / 1e6 },
  ];
}

/** Links racks, and gives commands one after the other. @param first the number of a machine that has had no command */
async function measureCommands(
  places: readonly LabPlace[],
  key: string,
  first: number,
  title: string,
): Promise<Figure> {
  const urls = places.map(({ regionPort }) => `http://127.0.0.1:${regionPort}/MAAS`);
  const racks = fork(RACK_LINKS, [String(RACKS), key, ...urls]);
  let last: Acknowledged = { version: -1, atMs: 0 };
  racks.on('message', (message: Acknowledged) => {
    last = message;
  });
  const beyond = async (version: number): Promise<number> => {
    const until = performance.now() + ACKNOWLEDGED_MS_MAX;
    while (last.version <= version) {
      if (performance.now() > until || hasEnded(racks)) throw new Error(`${RACKS} racks do not acknowledge a change`);
      await sleep(1);
    }
    return last.atMs;
  };
  try {
    await beyond(-1);
    const times: number[] = [];
    for (let index = first; index < first + COMMANDS; index += 1) {
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
    return { metric: `command to ${RACKS} racks, ${title}`, unit: 'ms', value: median(times) };
  } finally {
    if (!hasEnded(racks)) racks.disconnect();
    await ended(racks);
  }
}

/** Enlists machines as fast as they are answered, through the operation that a machine uses; with a key, so that no rate of strangers applies. */
async function measureEnlistments(
  places: readonly LabPlace[],
  key: string,
  size: number,
  title: string,
): Promise<{ readonly figure: Figure; readonly count: number }> {
  let count = 0;
  const from = performance.now();
  const enlist = async (client: number): Promise<void> => {
    const place = places[client % places.length] ?? PLACES[0];
    while (performance.now() - from < ENLIST_MS) {
      count += 1;
      const index = size + count;
      const answer = await fetch(urlOf(place, 'machines/'), {
        method: 'POST',
        headers: { Authorization: authorizationOf(key) },
        body: formOf(mac(0x0600_0000_0000 + index)),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`a machine was not enlisted: ${answer.status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, client) => enlist(client)));
  const seconds = (performance.now() - from) / 1000;
  return { figure: { metric: `enlistments with ${title} machines`, unit: '/s', value: count / seconds }, count };
}
