// Two processes of one region while clocks jump, and while their database has no connection left. The clock of one host is an hour ahead of the
// other's; it is set back under the process that has the duties; the database's own clock is set forward and back. No power command is carried
// out twice, duties are taken within seconds, and times are those of the database. libfaketime stands between a program and the system's
// wall clock. A database whose connections others have taken is an outage, and no more.
// @host alone

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { z } from 'zod';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { STEP_MS_MAX } from '../../src/power/driver.ts';
import { clockOf, removeSharedClocks, setClock, withClock } from '../support/fake-clock.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { askRegion, REGION_SERVICE, regionProcess } from '../support/region-process.ts';
import { eventually, type RunningRack } from '../support/running-rack.ts';
import { type PowerSocket, WebhookPower } from '../support/webhook-power.ts';

const PLACES = [labPlace(102), labPlace(103)] as const;
const HOUR_MS = 3_600_000;
/** A process takes the duties of one that has died within this, in milliseconds. */
const TAKEN_MS_MAX = 20_000;
/** Its first step may wait for this long, if the duties went from one process to another and back, in milliseconds. */
const SETTLED_MS_MAX = TAKEN_MS_MAX + 2 * STEP_MS_MAX;
const machine = z.object({ system_id: z.string(), power_state: z.string() });
const LIMITED = 'limited';

removeSharedClocks();

describe('clocks that jump, and a database without a connection', {
  skip: missing('linux', '/usr/lib/postgresql', '/usr/share/doc/libfaketime'),
}, () => {
  let server: PostgresServer;
  let power: WebhookPower;
  let socket: PowerSocket;
  let key = '';
  let systemId = '';
  let one: RunningRack;
  let two: RunningRack;
  /** The files that set the clocks of the first process and of the database. */
  let clocks = '';
  let ownClock = '';
  let databaseClock = '';
  const exits: unknown[] = [];

  const ask = (which: 0 | 1, path: string, form?: Record<string, string>, method?: string): Promise<unknown> =>
    askRegion(PLACES[which], key, path, form, method);
  const start = (process: RunningRack) =>
    process.start({ command: REGION_SERVICE, onExit: (code) => exits.push(code) });
  const holder = async (): Promise<string> =>
    String((await server.query("SELECT holder FROM duty WHERE name = 'region'", 'region'))[0]?.holder ?? '');
  const holds = async (which: 0 | 1): Promise<boolean> =>
    (await holder()).startsWith(`hall-${PLACES[which].regionPort} `);
  const command = (which: 0 | 1, what: 'on' | 'off') =>
    eventually(
      `it takes the command ${what}`,
      () =>
        ask(which, `machines/${systemId}/?op=power_${what}`, {}).then(
          () => true,
          () => false,
        ),
      SETTLED_MS_MAX,
    );
  /** Both commands, at either process, each carried out once. */
  async function switchBoth(): Promise<void> {
    const before = socket.asked.length;
    await command(0, 'on');
    await socket.became('on', SETTLED_MS_MAX);
    await command(1, 'off');
    await socket.became('off', SETTLED_MS_MAX);
    await sleep(2000);
    assert.deepEqual(socket.asked.slice(before), ['on', 'off']);
  }
  const answer = async (which: 0 | 1, path: string): Promise<{ readonly status: number; readonly text: string }> => {
    const url = `http://127.0.0.1:${PLACES[which].regionPort}/MAAS/api/2.0/${path}`;
    const response = await fetch(url, { headers: { Authorization: authorizationOf(key) } });
    return { status: response.status, text: await response.text() };
  };

  before(async () => {
    clocks = mkdtempSync(join(tmpdir(), 'rackboot-clocks-'));
    chmodSync(clocks, 0o755);
    [ownClock, databaseClock] = [join(clocks, 'own'), join(clocks, 'database')];
    setClock(ownClock, 3600);
    setClock(databaseClock, 0);
    const variables = Object.entries(clockOf(databaseClock)).map(([name, value]) => `${name}=${value}`);
    server = await PostgresServer.start({ settings: ['max_connections = 32'], through: ['env', ...variables] });
    await server.query(`CREATE ROLE ${LIMITED} LOGIN; `);
    await server.query(`CREATE DATABASE region OWNER ${LIMITED}`);
    power = await WebhookPower.start();
    socket = power.add('one');
    const url = server.urlOf('region').replace('user=rackboot', `user=${LIMITED}`);
    [one, two] = [regionProcess(PLACES[0], url), regionProcess(PLACES[1], url)];
    await withClock(ownClock, () => start(one));
    await start(two);
    key = await one.administrator();
    const form = {
      hostname: 'calm-ibis',
      mac_addresses: '52:54:00:44:00:01',
      architecture: 'amd64/generic',
      commission: 'false',
    };
    systemId = machine.parse(await ask(0, 'machines/', form)).system_id;
    const parameters = JSON.stringify(power.powerParameters('one'));
    await ask(1, `machines/${systemId}/`, { power_type: 'webhook', power_parameters: parameters }, 'PUT');
  });
  after(async () => {
    await Promise.all([one?.remove(), two?.remove()]);
    power?.close();
    await server?.close();
    rmSync(clocks, { recursive: true, force: true });
  });

  test('a host whose clock is an hour ahead writes the times of the database, and its process does all work', async () => {
    assert.equal(await holds(0), true);
    await switchBoth();
    const rows = await server.query('SELECT at_ms FROM event', 'region');
    const now = systemClock.wallTimeMs();
    assert.ok(rows.length > 0);
    for (const { at_ms: atMs } of rows) assert.ok(Math.abs(now - Number(atMs)) < HOUR_MS / 4, `${now} ${atMs}`);
  });

  test('its clock is set back by two hours while it has the duties: it keeps them, and a command is carried out once', async () => {
    socket.isSilent = true;
    await command(0, 'on');
    await eventually('it is asked', () => socket.asked.at(-1) === 'on', TAKEN_MS_MAX);
    const before = socket.asked.length;
    setClock(ownClock, -3600);
    socket.speak();
    await socket.became('on', TAKEN_MS_MAX);
    assert.equal(await holds(0), true);
    await sleep(3000);
    assert.equal(socket.asked.length, before);
    await command(1, 'off');
    await socket.became('off', TAKEN_MS_MAX);
    assert.equal(await holds(0), true);
  });

  for (const [title, seconds] of [
    ['forward', 3600],
    ['back', -3600],
  ] as const) {
    test(`the database's clock is set ${title} by an hour: commands are carried out once, and duties of a process that dies are taken soon`, async () => {
      setClock(databaseClock, seconds);
      await sleep(3000);
      await switchBoth();
      const first = (await holds(0)) ? 0 : 1;
      const [dying, other] = first === 0 ? [one, 1 as const] : [two, 0 as const];
      exits.length = 0;
      await dying.kill();
      // The process dies just when the clock is set back.
      setClock(databaseClock, seconds < 0 ? 2 * seconds : seconds);
      await eventually('the other has the duties', () => holds(other), TAKEN_MS_MAX);
      await start(dying);
      await switchBoth();
      setClock(databaseClock, 0);
      await sleep(3000);
      await switchBoth();
    });
  }

  for (const [title, take] of [
    ['all connections of the database', async () => fillWith(32, 'rackboot')],
    [
      'all connections of the role',
      async () => {
        return await fillWith(1, LIMITED, () => server.query(`ALTER ROLE ${LIMITED} CONNECTION LIMIT 1`));
      },
    ],
  ] as const) {
    test(`${title} are taken: requests get 503 with the reason, no process ends, one that starts says why, and all works again afterwards`, async () => {
      exits.length = 0;
      const others = await take();
      try {
        for (const which of [0, 1] as const)
          await eventually(
            'it is refused',
            async () => (await answer(which, 'machines/')).status === 503,
            TAKEN_MS_MAX,
          );
        const { text } = await answer(0, 'machines/');
        assert.match(text, /the region's database cannot be used now/);
        const ready = await fetch(`http://${PLACES[0].octets}.2:5249/readyz`);
        assert.equal(ready.status, 503, await ready.text());
        const late = regionProcess(labPlace(104), server.urlOf('region').replace('user=rackboot', `user=${LIMITED}`));
        const { code, complaints } = await late.rackboot('region', 'run');
        assert.notEqual(code, 0);
        assert.match(complaints.join('\n'), /no connection left: raise its max_connections/);
        await late.remove();
        await sleep(3000);
      } finally {
        for (const client of others) await client.end();
        await server.query(`ALTER ROLE ${LIMITED} CONNECTION LIMIT -1`);
      }
      for (const which of [0, 1] as const)
        await eventually('it answers', async () => (await answer(which, 'machines/')).status === 200, TAKEN_MS_MAX);
      assert.deepEqual(exits, []);
      await switchBoth();
    });
  }

  /** Takes every connection that is left, ends those of the processes, and takes these, too. */
  async function fillWith(
    count: number,
    user: string,
    limit: () => Promise<unknown> = async () => undefined,
  ): Promise<readonly pg.Client[]> {
    const taken: pg.Client[] = [];
    const hoard = async (): Promise<void> => {
      for (let failures = 0; failures < 3 && taken.length < count; ) {
        const client = new pg.Client({
          connectionString: server.urlOf('postgres').replace('user=rackboot', `user=${user}`),
        });
        client.on('error', () => undefined);
        await client.connect().then(
          () => taken.push(client),
          () => {
            failures += 1;
          },
        );
      }
    };
    await hoard();
    await limit();
    const [own] = taken;
    for (let round = 0; round < 20; round += 1) {
      const ended = await own?.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rackboot'",
      );
      if ((ended?.rowCount ?? 0) === 0) break;
      await hoard();
    }
    return taken;
  }
});
