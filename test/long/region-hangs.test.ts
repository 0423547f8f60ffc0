// Two processes of one region whose database, or one of them, hangs: connections stay open, and nothing answers. Racks go to the process that
// answers, requests get 503 at once, and the process that lost its duties continues without them.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { kill } from '../support/process-tree.ts';
import { RegionPair } from '../support/region-pair.ts';
import { askRegion, REGION_SERVICE } from '../support/region-process.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const PLACES = [labPlace(39), labPlace(83)] as const;
const RACK = labPlace(45);
const URLS = PLACES.map(({ regionPort }) => `http://127.0.0.1:${regionPort}/MAAS`);
/** A rack leaves a process that hangs within this, in milliseconds. */
const LEFT_MS_MAX = 15_000;
/** The first requests while the database hangs end within this, and later ones, in milliseconds. */
const FIRST_MS_MAX = 6000;
const LATER_MS_MAX = 1000;
/** The processes use the database again within this after it answers, in milliseconds. */
const BACK_MS_MAX = 5000;
/** Duties move within this, in milliseconds. */
const MOVED_MS_MAX = 15_000;

describe('a region whose database or process hangs', {
  skip: missing('linux', '/usr/lib/postgresql'),
}, () => {
  let pair: RegionPair;
  let server: PostgresServer;
  let key = '';
  let processes: readonly [RunningRack, RunningRack];

  const request = async (which: 0 | 1, path: string, accept = '*/*', method = 'GET') => {
    const from = performance.now();
    const answer = await fetch(`http://127.0.0.1:${PLACES[which].regionPort}${path}`, {
      method,
      redirect: 'manual',
      headers: { Accept: accept, ...(path.includes('/api/') ? { Authorization: authorizationOf(key) } : {}) },
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, ms: performance.now() - from };
  };
  const metric = async (which: 0 | 1): Promise<string | undefined> => {
    const answer = await fetch(`http://${PLACES[which].octets}.2:5249/metrics`);
    return /^rackboot_region_duties (\d)$/m.exec(await answer.text())?.[1];
  };
  /** The process that has the duties. */
  const holder = () =>
    eventually(
      'one process has the duties',
      async () => {
        const both = [await metric(0), await metric(1)];
        if (both.includes(undefined) || both[0] === both[1]) return undefined;
        return both[0] === '1' ? ([0, 1] as const) : ([1, 0] as const);
      },
      MOVED_MS_MAX,
    );
  const works = (which: 0 | 1) =>
    request(which, '/MAAS/api/2.0/machines/').then(
      ({ status }) => status === 200,
      () => false,
    );

  before(async () => {
    pair = await RegionPair.start(PLACES);
    ({ server, key } = pair);
    processes = [pair.one, pair.two];
  });
  after(async () => {
    server?.goOn();
    for (const one of processes ?? []) kill(one.pid, 'SIGCONT');
    await pair?.close();
  });

  test('status, metrics and the log say which process has the duties', async () => {
    const [duty, other] = await holder();
    const name = `hall-${PLACES[duty].regionPort}`;
    for (const which of [duty, other]) {
      const said = await processes[which].rackboot('status');
      const where = which === duty ? 'this process' : `the process ${name}`;
      assert.match(said.output.join('\n'), new RegExp(`^Duties {2}${where}$`, 'm'));
    }
    assert.equal(processes[duty].events('region.duties-here').length, 1);
    assert.deepEqual(
      processes[other].events('region.duties-elsewhere').map((line) => line.holder),
      [name],
    );
  });

  test('while the database hangs, requests get 503 in seconds and then at once, pages say so, and both continue when it is back', async () => {
    const from = processes.map(({ lines }) => lines.length);
    server.hang();
    try {
      const first = await Promise.all(
        ([0, 1] as const).flatMap((which) => [
          request(which, '/MAAS/api/2.0/machines/'),
          request(which, '/MAAS/api/2.0/tags/'),
        ]),
      );
      for (const { status, headers, ms } of first) {
        assert.equal(status, 503);
        assert.match(headers.get('retry-after') ?? '', /^\d+$/);
        assert.ok(ms < FIRST_MS_MAX, `${ms} ms`);
      }
      for (const which of [0, 1] as const) {
        const api = await request(which, '/MAAS/api/2.0/machines/');
        assert.deepEqual([api.status, api.headers.get('content-type')], [503, 'text/plain; charset=utf-8']);
        assert.match(
          api.text,
          /^the region's database cannot be used now \(it has not answered for 3 s\): see whether/,
        );
        assert.ok(api.ms < LATER_MS_MAX, `${api.ms} ms`);
        for (const path of ['/MAAS/', '/MAAS/login/']) {
          const page = await request(which, path, 'text/html');
          assert.deepEqual([page.status, page.headers.get('content-type')], [503, 'text/html; charset=utf-8'], path);
          assert.match(page.headers.get('retry-after') ?? '', /^\d+$/);
          assert.match(page.text, /<h1>The region cannot use its database<\/h1>/);
          assert.doesNotMatch(page.text, /<form/);
          assert.ok(page.ms < LATER_MS_MAX, `${page.ms} ms`);
        }
        const ready = await fetch(`http://${PLACES[which].octets}.2:5249/readyz`);
        assert.equal(ready.status, 503);
      }
    } finally {
      server.goOn();
    }
    const backAt = performance.now();
    for (const which of [0, 1] as const) await eventually('it answers again', () => works(which));
    assert.ok(performance.now() - backAt < BACK_MS_MAX, `${performance.now() - backAt} ms`);
    for (const which of [0, 1] as const) {
      assert.equal(processes[which].events('region.database-away', from[which]).length, 1);
      assert.equal(processes[which].events('region.database-back', from[which]).length, 1);
    }
  });

  test('a process that loses its duties after an outage keeps running, and regains them when the new holder ends', async () => {
    const [duty, other] = await holder();
    const from = processes.map(({ lines }) => lines.length);
    const { pid } = processes[duty];
    // It reaches the database last.
    kill(pid, 'SIGSTOP');
    await server.end('SIGKILL');
    await sleep(7000);
    await server.run();
    await processes[other].reported('region.duties-here', { from: from[other] ?? 0, limitMs: MOVED_MS_MAX });
    kill(pid, 'SIGCONT');
    const lost = await processes[duty].reported('region.duties-lost', { from: from[duty] ?? 0, limitMs: MOVED_MS_MAX });
    assert.equal(lost.holder, `hall-${PLACES[other].regionPort}`);
    await eventually('it answers', () => works(duty));
    assert.equal(processes[duty].pid, pid);
    assert.deepEqual(await holder(), [other, duty]);
    await processes[other].stop();
    const here = await processes[duty].reported('region.duties-here', { from: from[duty] ?? 0, limitMs: MOVED_MS_MAX });
    assert.deepEqual([here.former, here.hasLeft], [`hall-${PLACES[other].regionPort}`, true]);
    await processes[other].start({ command: REGION_SERVICE });
  });

  test('a rack leaves a process that hangs within seconds, and stays with one whose database only hangs', async () => {
    const rack = new RunningRack(RACK, (text) =>
      text
        .replace(/^name: .*$/m, 'name: far')
        .replace(/^region: .*$/m, `region: { mode: remote, url: ${JSON.stringify(URLS)} }`),
    );
    try {
      await rack.start();
      await rack.reported('region.pending');
      await processes[0].well('racks', 'accept', 'far');
      await eventually('it is linked', async () => (await rack.status()).region?.state === 'up');
      const from = rack.lines.length;
      kill(processes[0].pid, 'SIGSTOP');
      const stoppedAt = performance.now();
      const moved = await rack.reported('region.moved', { from, limitMs: 2 * LEFT_MS_MAX });
      const ms = performance.now() - stoppedAt;
      assert.deepEqual([moved.url, moved.former], [URLS[1], URLS[0]]);
      assert.ok(ms < LEFT_MS_MAX, `${ms} ms`);
      const made = z.object({ system_id: z.string() }).parse(
        await askRegion(PLACES[1], key, 'machines/', {
          hostname: 'calm-ibis',
          mac_addresses: '52:54:00:00:58:01',
          architecture: 'amd64/generic',
          commission: 'false',
        }),
      );
      assert.ok(made.system_id);
      await eventually('the rack knows the machine', async () => (await rack.status()).machinesKnown === 1);
      kill(processes[0].pid, 'SIGCONT');
      await eventually('it answers', () => works(0));
      assert.equal(rack.events('region.moved', from).length, 1);
    } finally {
      kill(processes[0].pid, 'SIGCONT');
      await rack.remove();
    }
  });
});
