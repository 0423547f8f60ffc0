// A region of one, two and three processes where neither the database nor the load is the bound: each process has a fifth of a processor, as
// if it had a slow host to itself. The database and the load share what is left of the processors.
//
//   a database with 1000 machines ─ 1, 2, 3 processes, each in a control group ─ lists, enlistments

import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonProcess } from '../src/lab/daemon-process.ts';
import type { LabPlace } from '../src/lab/safe-lab.ts';
import { openPostgresRegion } from '../src/store/postgres/region-postgres.ts';
import type { PostgresServer } from '../test/support/postgres-server.ts';
import { ControlGroup } from './control-group.ts';
import type { Figures } from './figure.ts';
import { addAdministrator, askInTurn, download, enlistMachines, fill, startRegion, urlOf } from './filled-region.ts';

const SIZE = 1000;
/** Of these, so many enlist themselves before the processes are limited. */
const WARM = 800;
/** The share of a processor that each process has. */
const SHARE = 0.2;
/** In microseconds: the kernel shares out each such period. In a long one, a process that waits within a transaction holds the others up. */
const PERIOD_US = 20_000;
/** As many for each number of processes; enough that each process always has work. */
const CLIENTS = 48;
/** A region sends only so many long lists at once. */
const LIST_CLIENTS = 9;
const LIST_MS = 10_000;
const LIMITED = { controller: 'cpu', fileOfFirst: 'cpu.cfs_quota_us', fileOfSecond: 'cpu.max' };

/** Adds the lists and enlistments a second with one, two and three processes. */
export async function measureHosts(
  figures: Figures,
  directory: string,
  server: PostgresServer,
  all: readonly LabPlace[],
): Promise<void> {
  for (let processes = 1; processes <= all.length; processes += 1) {
    const places = all.slice(0, processes);
    const database = await server.makeDatabase();
    const store = await openPostgresRegion(server.placeOf(database));
    const key = await addAdministrator(store);
    await fill(store, 0, SIZE - WARM);
    await store.close();
    const daemons: DaemonProcess[] = [];
    const groups: ControlGroup[] = [];
    try {
      for (const place of places) {
        const text = `kind: postgresql, url: "${server.urlOf(database)}"`;
        daemons.push(await startRegion(place, text, mkdtempSync(join(directory, 'state-'))));
      }
      // Their code is compiled, and the texts of lists are made.
      await enlistMachines(places, key, SIZE - WARM, { most: WARM });
      await listMachines(places, key);
      for (const daemon of daemons) {
        const group = limitedGroup();
        groups.push(group);
        group.add(daemon.pid ?? 0);
      }
      const lists = await listMachines(places, key);
      const { count, seconds } = await enlistMachines(places, key, SIZE, { clients: CLIENTS });
      figures.add(`PostgreSQL, ${processes}`, [
        { metric: `lists of ${SIZE}, ${SHARE} of a processor each`, unit: '/s', value: lists },
        { metric: `enlistments, ${SHARE} of a processor each`, unit: '/s', value: count / seconds },
      ]);
    } finally {
      for (const daemon of daemons) await daemon.stop();
      for (const group of groups) await group.remove();
    }
  }
}

/** A group whose processes together get SHARE of a processor. @throws Error if this host does not allow creating one */
function limitedGroup(): ControlGroup {
  const group = ControlGroup.open(LIMITED);
  if (group === undefined) throw new Error('this benchmark needs a control group for processor time: run it as root');
  const quota = SHARE * PERIOD_US;
  if (group.isSecondVersion) {
    writeFileSync(group.file, `${quota} ${PERIOD_US}`);
  } else {
    writeFileSync(join(group.file, '..', 'cpu.cfs_period_us'), String(PERIOD_US));
    writeFileSync(group.file, String(quota));
  }
  return group;
}

/** Lists a second, asked for by LIST_CLIENTS at once. */
async function listMachines(places: readonly LabPlace[], key: string): Promise<number> {
  const bounds = { clients: LIST_CLIENTS, ms: LIST_MS, most: Number.POSITIVE_INFINITY };
  const { count, seconds } = await askInTurn(places, bounds, (place) => download(urlOf(place, 'machines/'), key));
  return count / seconds;
}
