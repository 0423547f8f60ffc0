// A network without TLS flips bits of the answers of a region's PostgreSQL: a request costs a second attempt or gets 503, work in the background
// waits, and all continues once no bit is flipped.
// @host waits, 20 s

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { Duties } from '../../src/region-thread/duties.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing } from '../support/needs.ts';
import { PostgresCutter } from '../support/postgres-cutter.ts';
import { RegionDatabases } from '../support/postgres-server.ts';
import { printedRandom } from '../support/printed-random.ts';
import { type LiveRegion, startRegion } from './live.ts';

const DAMAGED_MS = 5000;
const WAIT_MS_MAX = 20_000;
/** One of this many answers is damaged. */
const WHOLE = 8;

describe('a region behind a network that damages', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let cutter: PostgresCutter;
  let region: LiveRegion;
  let duties: Duties;
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);

  before(async () => {
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
    databases = await RegionDatabases.start();
    cutter = await PostgresCutter.open(databases.server.directory);
    const store = await openPostgresRegion(cutter.placeOf(databases.server.placeOf(await databases.make())));
    assert.ok(store.duties !== undefined);
    const nothing = (): void => undefined;
    duties = new Duties({ store: store.duties, clock: systemClock, onTaken: nothing, onLost: nothing });
    region = await startRegion({}, { store, isOnDuty: () => duties.areHeld });
    duties.begin();
  });
  after(async () => {
    await duties.close();
    await region.close();
    await cutter.close();
    await databases.close();
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  });

  async function ask(path: string, form?: Readonly<Record<string, string>>): Promise<string> {
    const { origin, authorization } = region;
    const answer = await fetch(`${origin}/MAAS/api/2.0/${path}`, {
      headers: { authorization },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
    return `${answer.status} ${await answer.text()}`;
  }

  test('flipped bits cost answers, and never the process', async () => {
    const random = printedRandom('flipped bits');
    cutter.damageEach((answer) => {
      if (random(WHOLE) > 0) return answer;
      const damaged = Buffer.from(answer);
      const at = random(damaged.length);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << random(8));
      return damaged;
    });
    const answers: string[] = [];
    const from = Date.now();
    for (let round = 0; Date.now() - from < DAMAGED_MS; round += 1)
      answers.push(
        ...(await Promise.all([
          ask('machines/'),
          ask('tags/', { name: `t${round}` }),
          ask('events/?op=query'),
          ask('users/'),
        ])),
      );
    cutter.damageEach(undefined);
    // A flipped bit of a value may make it another one, such as the key of the sender.
    const failed = answers.filter((answer) => answer.startsWith('500'));
    assert.deepEqual(failed, [], `of ${answers.length}`);
    assert.ok(answers.some((answer) => answer.startsWith('200')));
    for (const path of ['machines/', 'tags/', 'users/'])
      await eventuallyWithin(WAIT_MS_MAX, `${path} answers`, async () => (await ask(path)).startsWith('200'));
    await eventuallyWithin(WAIT_MS_MAX, 'it has the duties', () => duties.areHeld);
    assert.deepEqual(uncaught, []);
  });
});
