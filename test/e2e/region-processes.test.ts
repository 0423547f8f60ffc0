// Two processes of one region, on one PostgreSQL: either answers every request, one has the duties, and either may die.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { sleep } from '../../src/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { STEP_MS_MAX } from '../../src/power/driver.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { askRegion, REGION_SERVICE, regionProcess } from '../support/region-process.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';
import { type PowerSocket, WebhookPower } from '../support/webhook-power.ts';

const PLACES = [labPlace(55), labPlace(56)] as const;
const RACK = labPlace(57);
const URLS = PLACES.map(({ regionPort }) => `http://127.0.0.1:${regionPort}/MAAS`);
const MAC = '52:54:00:00:55:01';
/** The simulated machine that boots from the rack. */
const BOOTED = 1570;
const PASSWORD = 'correct horse battery';
/** /readyz waits for the database for 2 s; the rest is for a busy host, in milliseconds. */
const READY_MS_MAX = 4000;
/** A process that dies loses its duties within this, in milliseconds. */
const TAKEN_MS_MAX = 20_000;
/** A rack learns of a change by another process within this, counted from before the change is asked for, in milliseconds. */
const LEARNT_MS_MAX = 1000;
/** A change that the database does not confirm is answered within this, in milliseconds. */
const ANSWERED_MS_MAX = 15_000;

const succeeds = (work: () => Promise<unknown>): Promise<boolean> =>
  work().then(
    () => true,
    () => false,
  );

const machine = z.object({ system_id: z.string(), hostname: z.string(), power_state: z.string() });
const readyz = z.object({
  ready: z.boolean(),
  notReady: z.array(z.object({ what: z.string(), reason: z.string() })),
});
const change = z.object({ id: z.number(), description: z.string() });

describe('two processes of one region', { skip: missing('linux', '/usr/lib/postgresql'), timeout: 240_000 }, () => {
  let server: PostgresServer;
  let power: WebhookPower;
  let socket: PowerSocket;
  let key = '';
  let systemId = '';
  let one: RunningRack;
  let two: RunningRack;

  const run = (...args: string[]) => runRackboot([...args, '--config', one.configFile]);

  /** Asks one of the processes, as an administrator. */
  const ask = (which: 0 | 1, path: string, form?: Record<string, string>, method?: string): Promise<unknown> =>
    askRegion(PLACES[which], key, path, form, method);

  const read = async (which: 0 | 1) => machine.parse(await ask(which, `machines/${systemId}/`));

  /** The descriptions of all events, oldest first, by one process. */
  async function events(which: 0 | 1): Promise<readonly string[]> {
    const { events: all } = z
      .object({ events: z.array(change) })
      .parse(await ask(which, 'events/?op=query&limit=1000&level=DEBUG'));
    return all.toReversed().map(({ description }) => description);
  }

  /** Gives a power command, once the record says how the one before ended. */
  const command = (which: 0 | 1, what: 'on' | 'off', limitMs = TAKEN_MS_MAX) =>
    eventually(
      `it takes the command ${what}`,
      () => succeeds(() => ask(which, `machines/${systemId}/?op=power_${what}`, {})),
      limitMs,
    );

  /** The answer of a process's /readyz, and its duration. */
  async function readiness(which: 0 | 1) {
    const from = performance.now();
    const answer = await fetch(`http://${PLACES[which].octets}.2:5249/readyz`);
    const { ready, notReady } = readyz.parse(await answer.json());
    return { status: answer.status, ready, notReady, ms: performance.now() - from };
  }

  const areReady = () =>
    eventually('both are ready', async () => {
      const both = await Promise.all([readiness(0), readiness(1)]);
      return both.every(({ status, ready }) => status === 200 && ready);
    });

  before(async () => {
    server = await PostgresServer.start({ settings: [] });
    await server.query('CREATE DATABASE region');
    power = await WebhookPower.start();
    socket = power.add('one');
    const [first, second] = PLACES.map((place) => regionProcess(place, server.urlOf('region')));
    assert.ok(first !== undefined && second !== undefined);
    [one, two] = [first, second];
    await one.start({ command: REGION_SERVICE });
    await two.start({ command: REGION_SERVICE });
    const password = join(one.directory, 'password');
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    assert.equal((await run('createadmin', '--username', 'ann', '--password-file', password)).code, 0);
    key = (await run('apikey', '--username', 'ann')).output.join('').trim();
  });
  after(async () => {
    await Promise.all([one?.remove(), two?.remove()]);
    power?.close();
    await server?.close();
  });

  test('each of them shows a change by the other at once', async () => {
    const made = await ask(0, 'machines/', {
      hostname: 'calm-ibis',
      mac_addresses: MAC,
      architecture: 'amd64/generic',
    });
    systemId = machine.parse(made).system_id;
    assert.equal((await read(1)).hostname, 'calm-ibis');
    await ask(1, `machines/${systemId}/`, { hostname: 'keen-owl' }, 'PUT');
    assert.equal((await read(0)).hostname, 'keen-owl');
    assert.deepEqual(await events(0), await events(1));
  });

  test('both use the same key for hypervisors, even if both need it first at the same time, and neither logs it', {
    skip: missing('ssh'),
  }, async () => {
    const keyOf = async (process: RunningRack): Promise<string> => {
      const { code, output, complaints } = await runRackboot(['power', 'key', '--config', process.configFile]);
      assert.deepEqual([code, complaints], [0, []]);
      return output.join('\n');
    };
    // At the same time, so that either may be the first.
    const [first, second] = await Promise.all([keyOf(one), keyOf(two)]);
    assert.match(first, /^ssh-ed25519 \S+ rackboot@\S+$/);
    assert.equal(second, first);
    const files = [one, two].map(({ stateDir }) => join(stateDir, 'ssh', 'id_ed25519'));
    assert.deepEqual(
      files.map((file) => statSync(file).mode & 0o777),
      [0o600, 0o600],
    );
    const [stored] = await server.query('SELECT private_key FROM region_ssh_key', 'region');
    for (const file of files) {
      assert.equal(readFileSync(file, 'utf8'), stored?.private_key);
      rmSync(file);
    }
    assert.deepEqual([await keyOf(two), await keyOf(one)], [first, first]);
    const [secret = ''] = /^[A-Za-z0-9+/=]{40,}$/m.exec(String(stored?.private_key)) ?? [];
    assert.ok(secret.length >= 40);
    const logged = JSON.stringify([one.lines, two.lines, await events(0), await events(1)]);
    assert.ok(!logged.includes(secret));
  });

  test('a power command given to either is carried out once; if the process on duty dies, the other carries it out', async () => {
    const parameters = JSON.stringify(power.parameters('one'));
    await ask(1, `machines/${systemId}/`, { power_type: 'webhook', power_parameters: parameters }, 'PUT');
    await command(0, 'on');
    await socket.became('on', TAKEN_MS_MAX);
    await command(1, 'off');
    await socket.became('off', TAKEN_MS_MAX);
    assert.deepEqual(socket.asked, ['on', 'off']);
    const holders = await server.query('SELECT holder FROM duty', 'region');
    assert.equal(holders.length, 1);
    // The command is under way when its process dies.
    socket.isSilent = true;
    await command(1, 'on');
    await eventually('it is asked', () => socket.count('on') === 2, TAKEN_MS_MAX);
    await one.kill();
    socket.speak();
    const [holder] = holders.map((row) => row.holder);
    await eventually(
      'the other has the duties',
      async () => (await server.query('SELECT holder FROM duty', 'region'))[0]?.holder !== holder,
      TAKEN_MS_MAX,
    );
    // A late step of the process that died could follow a command that is given at once.
    await command(1, 'off', TAKEN_MS_MAX + STEP_MS_MAX);
    await eventually('it is off', () => socket.count('off') === 2, TAKEN_MS_MAX);
    await sleep(3000);
    assert.deepEqual(socket.asked, ['on', 'off', 'on', 'off']);
  });

  test('the process that died comes back, and both give the same answers', async () => {
    await one.start({ command: REGION_SERVICE });
    assert.equal((await read(0)).hostname, (await read(1)).hostname);
    assert.deepEqual(await events(0), await events(1));
  });

  test('a rack linked to one learns of a change by the other within a second, and continues with the other if its own dies', async () => {
    const rack = new RunningRack(RACK, (text) =>
      text
        .replace(/^name: .*$/m, 'name: far')
        .replace(/^region: .*$/m, `region: { mode: remote, url: ${JSON.stringify([URLS[1], URLS[0]])} }`),
    );
    try {
      await rack.start();
      await rack.reported('region.pending');
      assert.equal((await run('racks', 'accept', 'far')).code, 0);
      await eventually('the rack knows the machine', async () => (await rack.status()).machinesKnown === 1);
      const learnt: number[] = [];
      for (const hostname of ['one-owl', 'two-owls', 'three-owls']) {
        const before = (await rack.status()).region?.desiredVersion ?? 0;
        const askedAt = Date.now();
        await ask(0, `machines/${systemId}/`, { hostname }, 'PUT');
        const since = await eventually('the rack has the change', async () => {
          const { region } = await rack.status();
          return (region?.desiredVersion ?? 0) > before && region?.desiredSince;
        });
        // By the rack's own clock, so that asking it does not count.
        learnt.push(since - askedAt);
      }
      const [least = -1, median = 0] = learnt.toSorted((one, other) => one - other);
      assert.ok(least >= 0 && median < LEARNT_MS_MAX, `${learnt.join(', ')} ms`);
      assert.deepEqual((await rack.status()).region?.addresses, [URLS[1]]);
      await two.kill();
      await ask(0, `machines/${systemId}/`, { hostname: 'alone-owl' }, 'PUT');
      await eventually('it is linked to the other', async () => {
        const { region } = await rack.status();
        return region?.state === 'up' && region.addresses[0] === URLS[0];
      });
      // A machine that boots is enlisted by the one that is left, through the rack.
      assert.equal((await bootSimulatedMachine(RACK, BOOTED, () => undefined)).kind, 'enlisted');
      assert.equal(z.array(machine).parse(await ask(0, 'machines/')).length, 2);
      const logged = await events(0);
      await two.start({ command: REGION_SERVICE });
      assert.deepEqual(await events(1), logged);
    } finally {
      await rack.remove();
    }
  });

  test('a process is not ready while its database hangs, and says so within seconds', async () => {
    await areReady();
    const hanging = server.query('BEGIN; LOCK TABLE machine; SELECT pg_sleep(8); COMMIT;', 'region');
    const { status, notReady } = await eventually('it is not ready', async () => {
      const answer = await readiness(0);
      assert.ok(answer.ms < READY_MS_MAX, `${answer.ms} ms`);
      return !answer.ready && answer;
    });
    assert.equal(status, 503);
    assert.deepEqual(
      notReady.map(({ what }) => what),
      ['store'],
    );
    assert.match(
      notReady[0]?.reason ?? '',
      /^the region's database cannot be used now \(it has not answered for 2 s\): see whether it runs/,
    );
    await hanging;
    await areReady();
  });

  test('while the database is away both answer 503 with Retry-After, and then continue', async () => {
    await server.end('SIGINT');
    for (const which of [0, 1] as const) {
      const { status, notReady } = await eventually('it is not ready', async () => {
        const answer = await readiness(which);
        return !answer.ready && answer;
      });
      assert.equal(status, 503);
      assert.match(
        notReady[0]?.reason ?? '',
        /^the region's database cannot be used now \(.*\): (?:see whether|the database is stopping)/,
      );
    }
    for (const place of PLACES) {
      const answer = await fetch(`http://127.0.0.1:${place.regionPort}/MAAS/`);
      assert.equal(answer.status, 503);
      assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
    }
    await server.run();
    for (const which of [0, 1] as const) {
      await eventually('it answers again', () => succeeds(() => read(which)), TAKEN_MS_MAX);
    }
    await areReady();
    await ask(0, `machines/${systemId}/`, { hostname: 'last-owl' }, 'PUT');
    assert.equal((await read(1)).hostname, 'last-owl');
  });

  test('while a synchronous standby is missing, changes get 503 in time, reads continue, and status, /readyz and the log say why', async () => {
    // Alone, a process keeps its duties however long that takes.
    await two.stop();
    const standby = await server.startStandby();
    try {
      const from = one.lines.length;
      await standby.end('SIGKILL');
      const change = async (hostname: string) => {
        const startedAt = performance.now();
        const answer = await fetch(`http://127.0.0.1:${PLACES[0].regionPort}/MAAS/api/2.0/machines/${systemId}/`, {
          ...{ method: 'PUT', body: new URLSearchParams({ hostname }) },
          headers: { Authorization: authorizationOf(key) },
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
      assert.equal((await read(0)).hostname, 'last-owl');
      const { status, notReady } = await readiness(0);
      assert.deepEqual([status, notReady.map(({ what }) => what)], [503, ['store']]);
      assert.match(notReady[0]?.reason ?? '', cause);
      const [later, notMade] = await change('lost-owl');
      assert.match(later ?? '', /^\d+$/);
      assert.match(notMade, /this change was not made/);
      const said = await run('status');
      assert.equal(said.code, 1);
      assert.match(said.output.join('\n'), /^BAD +the region's database does not confirm changes, /m);
      await standby.run();
      await one.reported('region.confirmed', { from });
      await eventually('it is ready', async () => (await readiness(0)).ready);
      await ask(0, `machines/${systemId}/`, { description: 'again' }, 'PUT');
      const logged = one.events('region.unconfirmed', from).map(({ text }) => text);
      assert.equal(logged.length, 1);
      assert.match(String(logged[0]), /start the standby, or take it out of synchronous_standby_names$/);
    } finally {
      await standby.close();
    }
  });
});
