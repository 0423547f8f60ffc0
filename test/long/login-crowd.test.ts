// Strangers of many networks guess passwords at two processes of a region on one PostgreSQL. They cost the users of the region nothing but
// the processor time of the guesses: no transaction fails, and no process ends.
// @host alone

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { RegionDatabases } from '../support/postgres-server.ts';
import { askRegion, REGION_SERVICE, regionProcess } from '../support/region-process.ts';
import type { RunningRack } from '../support/running-rack.ts';

const PLACES = [labPlace(58), labPlace(59)] as const;
const GUESSES = 600;
/** Between guesses, in milliseconds: about as many as the processes can check. */
const PAUSE_MS = 15;
/** Transactions that two processes run meanwhile anyway may fail now and then. */
const ROLLED_BACK_MAX = 20;
const FORM = 'username=ann&password=wrong';

/** Guesses from an address of a network of its own. @returns the status */
async function guess(index: number): Promise<number> {
  const localAddress = `127.${150 + (index % 40)}.${Math.floor(index / 40)}.7`;
  const socket = connect({ host: '127.0.0.1', port: PLACES[index % 2]?.regionPort ?? 0, localAddress });
  const head = `POST /MAAS/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded`;
  socket.end(`${head}\r\nContent-Length: ${FORM.length}\r\n\r\n${FORM}`);
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

describe('strangers who guess passwords', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let processes: readonly RunningRack[] = [];
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(async () => {
    for (const one of processes) await one.remove();
    await databases.close();
  });

  test('hold up no user, and fail no transaction', async () => {
    const name = await databases.make();
    const url = databases.server.urlOf(name);
    processes = PLACES.map((place) => regionProcess(place, url));
    const exits: unknown[] = [];
    for (const one of processes) await one.start({ command: REGION_SERVICE, onExit: (code) => exits.push(code) });
    const [first] = processes;
    assert.ok(first !== undefined);
    const key = await first.administrator();
    const rolledBack = async (): Promise<number> => {
      const sql = 'SELECT xact_rollback::int AS count FROM pg_stat_database WHERE datname = current_database()';
      return Number((await databases.server.query(sql, name))[0]?.count);
    };
    const before = await rolledBack();
    const guesses: Promise<number>[] = [];
    const crowd = (async () => {
      for (let index = 0; index < GUESSES; index += 1) {
        guesses.push(guess(index));
        await sleep(PAUSE_MS);
      }
    })();
    let isOver = false;
    const users = PLACES.map(async (place) => {
      let answers = 0;
      // Each throws for any status but 2xx.
      for (; !isOver; answers += 1) await askRegion(place, key, 'machines/');
      return answers;
    });
    await crowd;
    const statuses = await Promise.all(guesses);
    isOver = true;
    const answers = await Promise.all(users);
    assert.deepEqual(
      statuses.filter((status) => status >= 500),
      [],
    );
    assert.ok(
      answers.every((count) => count > 20),
      `${answers.join(' and ')} answers for users meanwhile`,
    );
    assert.deepEqual(exits, []);
    await sleep(1500);
    const failed = (await rolledBack()) - before;
    assert.ok(failed <= ROLLED_BACK_MAX, `${failed} transactions were rolled back`);
  });
});
