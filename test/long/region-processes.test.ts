// Two processes of one region, on one PostgreSQL: their key for hypervisors, a database that hangs, and one that does not confirm changes.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { RegionPair } from '../support/region-pair.ts';
import { eventually } from '../support/running-rack.ts';

const PLACES = [labPlace(105), labPlace(106)] as const;
/** A change that the database does not confirm is answered within this, in milliseconds. */
const ANSWERED_MS_MAX = 15_000;

describe('two processes of one region, and their database', {
  skip: missing('linux', '/usr/lib/postgresql'),
}, () => {
  let pair: RegionPair;

  before(async () => {
    pair = await RegionPair.start(PLACES);
    await pair.addMachine('last-owl', '52:54:00:00:55:01');
  });
  after(() => pair?.close());

  test('while a synchronous standby is missing, changes get 503 in time, reads continue, and status, /readyz and the log say why', async () => {
    // Alone, a process keeps its duties however long that takes.
    await pair.two.stop();
    const standby = await pair.server.startStandby();
    try {
      const from = pair.one.lines.length;
      await standby.end('SIGKILL');
      const change = async (hostname: string) => {
        const startedAt = performance.now();
        const answer = await fetch(`http://127.0.0.1:${PLACES[0].regionPort}/MAAS/api/2.0/machines/${pair.systemId}/`, {
          method: 'PUT',
          body: new URLSearchParams({ hostname }),
          headers: { Authorization: authorizationOf(pair.key) },
        });
        assert.equal(answer.status, 503);
        assert.ok(performance.now() - startedAt < ANSWERED_MS_MAX);
        return [answer.headers.get('retry-after'), await answer.text()] as const;
      };
      const cause = /^the region's database does not confirm changes, because its synchronous standby is missing: /;
      // It may be stored: a client that repeats requests would make it twice.
      const [again, unknown] = await change('lone-owl');
      assert.equal(again, null);
      assert.match(unknown, cause);
      assert.match(unknown, /check the result then, before you repeat it/);
      assert.equal((await pair.read(0)).hostname, 'last-owl');
      const { status, notReady } = await pair.readiness(0);
      assert.deepEqual([status, notReady.map(({ what }) => what)], [503, ['store']]);
      assert.match(notReady[0]?.reason ?? '', cause);
      const [later, notMade] = await change('lost-owl');
      assert.match(later ?? '', /^\d+$/);
      assert.match(notMade, /this change was not made/);
      const said = await pair.run('status');
      assert.equal(said.code, 1);
      assert.match(said.output.join('\n'), /^BAD +region: the region's database does not confirm changes, /m);
      await standby.run();
      await pair.one.reported('region.confirmed', { from });
      await eventually('it is ready', async () => (await pair.readiness(0)).ready);
      await pair.ask(0, `machines/${pair.systemId}/`, { description: 'again' }, 'PUT');
      const logged = pair.one.events('region.unconfirmed', from).map(({ text }) => text);
      assert.equal(logged.length, 1);
      assert.match(String(logged[0]), /start the standby, or take it out of synchronous_standby_names$/);
    } finally {
      await standby.close();
    }
  });
});
