// Three processes of one region under load on PostgreSQL with a standby: processes are killed, the database crashes and restarts, and at
// last its standby takes its place. Nothing acknowledged is lost, every event arrives once, and no command switches a machine twice.
// @host alone

import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { sleep } from '../../src/clock.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { EVENT_LEVELS } from '../../src/region/records/machine-event.ts';
import { eventIds } from '../support/event-ids.ts';
import { missing } from '../support/needs.ts';
import { authorization } from '../support/oauth.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { askRegion, REGION_SERVICE, regionProcess } from '../support/region-process.ts';
import { eventually, type RunningRack, runRackboot } from '../support/running-rack.ts';
import { type PowerSocket, WebhookPower } from '../support/webhook-power.ts';

const PLACES = [labPlace(73), labPlace(74), labPlace(75)] as const;
const WRITERS = 6;
const FOLLOWERS = 2;
/** Kills of a process, before and after the standby takes over. */
const KILLS = 20;
/** After so many kills the database crashes, or is restarted. */
const KILLS_PER_CRASH = 5;
/** What is acknowledged between two kills, at least. */
const WRITES_PER_KILL = 20;
const AWAY_MS_MAX = 60_000;
/** A follower goes on at another process after this, at the latest. */
const FOLLOW_MS_MAX = 5000;
const PASSWORD = 'correct horse battery';

const stored = z.array(z.object({ system_id: z.string(), hostname: z.string(), description: z.string() }));

describe('a region under fire', { skip: missing('linux', '/usr/lib/postgresql'), timeout: 1_800_000 }, () => {
  const switchboard = mkdtempSync(join(tmpdir(), 'rackboot-current-'));
  /** The name by which the processes reach the database that writes. */
  const current = join(switchboard, 'database');
  let primary: PostgresServer;
  let standby: PostgresServer;
  let power: WebhookPower;
  let socket: PowerSocket;
  let processes: readonly RunningRack[] = [];
  let key = '';
  let isOver = false;
  /** By hostname: the last description that was acknowledged. */
  const acknowledged = new Map<string, number>();
  let writes = 0;
  let failures = 0;
  let commands = 0;

  const point = (server: PostgresServer): void => {
    symlinkSync(server.directory, `${current}.new`);
    renameSync(`${current}.new`, current);
  };
  const anyPlace = (): LabPlace => PLACES[Math.floor(Math.random() * PLACES.length)] ?? PLACES[0];
  const ask = (path: string, form?: Record<string, string>, method?: string): Promise<unknown> =>
    askRegion(anyPlace(), key, path, form, method);
  const find = async (hostname: string) => stored.parse(await ask(`machines/?hostname=${hostname}`));

  /** Asks until it is answered. What an answer that did not come has done is unknown. */
  async function insist<T>(work: () => Promise<T>): Promise<T> {
    for (const from = performance.now(); ; ) {
      try {
        return await work();
      } catch (error) {
        if (performance.now() - from > AWAY_MS_MAX) throw error;
        failures += 1;
        await sleep(50);
      }
    }
  }

  /** Creates machines, and changes each some times. */
  async function write(writer: number): Promise<void> {
    for (let count = 0; !isOver; count += 1) {
      const hostname = `m-${writer}-${count}`;
      const mac_addresses = `52:54:00:${[writer, count >> 8, count & 255].map((octet) => octet.toString(16).padStart(2, '0')).join(':')}`;
      const made = { hostname, mac_addresses, architecture: 'amd64/generic' };
      const [machine] = await insist(async () => {
        const known = await find(hostname);
        return known.length > 0 ? known : stored.parse([await ask('machines/', made)]);
      });
      acknowledged.set(hostname, 0);
      writes += 1;
      for (let turn = 1; turn < 4 && !isOver; turn += 1) {
        await insist(() => ask(`machines/${machine?.system_id}/`, { description: String(turn) }, 'PUT'));
        acknowledged.set(hostname, turn);
        writes += 1;
      }
    }
  }

  /** Follows the events, at another process after each end. */
  async function follow(ids: number[], upTo: () => number): Promise<void> {
    while ((ids.at(-1) ?? 0) < upTo()) {
      const url = `http://127.0.0.1:${anyPlace().regionPort}/MAAS/api/2.0/events/?op=follow&level=DEBUG`;
      const headers = { Authorization: authorization(key), 'Last-Event-ID': String(ids.at(-1) ?? 0) };
      try {
        const answer = await fetch(url, { headers, signal: AbortSignal.timeout(FOLLOW_MS_MAX) });
        if (answer.ok) for await (const id of eventIds(answer)) ids.push(id);
      } catch {
        await sleep(50);
      }
    }
  }

  /** Switches the machine on and off. A command whose end is not known is given again, as a person does. */
  async function switchOnAndOff(systemId: string): Promise<void> {
    for (let what: 'on' | 'off' = 'on'; !isOver; ) {
      commands += 1;
      await ask(`machines/${systemId}/?op=power_${what}`, {}).then(undefined, () => sleep(200));
      for (let waits = 0; waits < 100 && socket.isOn !== (what === 'on') && !isOver; waits += 1) await sleep(50);
      if (socket.isOn === (what === 'on')) what = what === 'on' ? 'off' : 'on';
    }
  }

  async function kill(count: number): Promise<void> {
    const before = writes;
    await eventually('it is written', () => writes > before + WRITES_PER_KILL, AWAY_MS_MAX);
    const victim = processes[count % processes.length] ?? assert.fail();
    await victim.kill();
    await sleep(Math.random() * 500);
    await victim.start({ command: REGION_SERVICE });
  }

  before(async () => {
    primary = await PostgresServer.start({ settings: [] });
    await primary.query('CREATE DATABASE region');
    standby = await primary.startStandby();
    point(primary);
    power = await WebhookPower.start();
    socket = power.add('one');
    const url = primary.urlOf('region', current);
    processes = PLACES.map((place) => regionProcess(place, url));
    for (const one of processes) await one.start({ command: REGION_SERVICE });
    const [first] = processes;
    assert.ok(first !== undefined);
    const password = join(first.directory, 'password');
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    const run = (...args: string[]) => runRackboot([...args, '--config', first.configFile]);
    assert.equal((await run('createadmin', '--username', 'ann', '--password-file', password)).code, 0);
    key = (await run('apikey', '--username', 'ann')).output.join('').trim();
  });
  after(async () => {
    isOver = true;
    for (const one of processes) await one.remove();
    power?.close();
    await primary?.close();
    await standby?.close();
    rmSync(switchboard, { recursive: true, force: true });
  });

  test('loses nothing acknowledged, tells every event once, and switches no machine twice', async () => {
    const parameters = JSON.stringify(power.parameters('one'));
    const made = { hostname: 'switched', mac_addresses: '52:54:00:ff:00:01', architecture: 'amd64/generic' };
    const [switched] = stored.parse([
      await ask('machines/', { ...made, power_type: 'webhook', power_parameters: parameters }),
    ]);
    const followed = Array.from({ length: FOLLOWERS }, (): number[] => []);
    let newest = Number.POSITIVE_INFINITY;
    const following = followed.map((ids) => follow(ids, () => newest));
    const working = [
      ...Array.from({ length: WRITERS }, (_, writer) => write(writer)),
      switchOnAndOff(switched?.system_id ?? ''),
    ];
    for (let kills = 1; kills <= KILLS; kills += 1) {
      await kill(kills);
      if (kills % KILLS_PER_CRASH !== 0) continue;
      await primary.end(kills % (2 * KILLS_PER_CRASH) === 0 ? 'SIGINT' : 'SIGKILL');
      await sleep(500);
      await primary.run();
    }
    await primary.end('SIGKILL');
    await standby.promote();
    point(standby);
    for (let kills = 1; kills <= KILLS / 2; kills += 1) await kill(kills);
    await eventually('it was switched often', () => socket.asked.length > KILLS / 2, AWAY_MS_MAX);
    isOver = true;
    await Promise.all(working);
    const rows = await standby.query(`SELECT id FROM event WHERE level > ${EVENT_LEVELS.audit} ORDER BY id`, 'region');
    const written = rows.map(({ id }) => Number(id));
    newest = written.at(-1) ?? 0;
    await Promise.all(following);
    for (const ids of followed)
      assert.deepEqual(
        ids.filter((id) => id <= newest),
        written,
      );
    for (const place of PLACES) {
      const all = new Map(
        stored
          .parse(await askRegion(place, key, 'machines/'))
          .map(({ hostname, description }) => [hostname, Number(description)]),
      );
      for (const [hostname, turn] of acknowledged)
        assert.ok((all.get(hostname) ?? -1) >= turn, `${hostname}: ${all.get(hostname)}, acknowledged ${turn}`);
    }
    assert.ok(socket.asked.length <= commands, `${socket.asked.length} changes for ${commands} commands`);
    assert.ok(socket.asked.length > KILLS / 2, `${socket.asked.length} changes`);
    for (const [index, what] of socket.asked.entries())
      assert.notEqual(what, socket.asked[index - 1], `change ${index}`);
    console.log(
      `${writes} writes acknowledged, ${failures} requests failed, ${written.length} events, ${socket.asked.length} changes for ` +
        `${commands} commands`,
    );
  });
});
