// A region of several processes on one PostgreSQL, with a rack that is linked to them, under load: its processes and its database are killed
// at random moments.
//
// 1. A killed process is started again, as by a service manager; so is a process that exits because it lost its duties.
// 2. The printed seed decides which process is killed, and after which pause. The work that a kill meets depends on the host too.
// 3. A request without an answer may have been carried out.

import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { sleep } from '../../src/clock.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import type { Switched } from '../../src/lab/webhook-power.ts';
import { EVENT_LEVELS } from '../../src/region/records/machine-event.ts';
import { diskImage } from './disk-image.ts';
import { eventPlaces, idOf } from './event-ids.ts';
import { authorizationOf } from './oauth.ts';
import { PostgresServer } from './postgres-server.ts';
import { printedRandom } from './printed-random.ts';
import { askRegion, REGION_SERVICE, regionProcess } from './region-process.ts';
import { eventually, RunningRack } from './running-rack.ts';
import { type PowerSocket, WebhookPower } from './webhook-power.ts';

const DATABASE = 'region';
/** How long an answer may be missing, in milliseconds. */
export const AWAY_MS_MAX = 60_000;
/** A follower continues at another process after this, at the latest. */
const FOLLOW_MS_MAX = 5000;
/** An ended process is started again after this, at the latest, in milliseconds. */
const DOWN_MS_MAX = 500;
/** The processes of a killed database server end within this, in milliseconds. */
const DATABASE_DOWN_MS_MIN = 500;
const DATABASE_DOWN_MS_MAX = 1500;
/** One kill of the database in this number ends it in its own way: it tells its clients first. */
const ENDS = 4;
/** Lines of the story that are printed. */
const TOLD_MAX = 400;
/** A power controller answers within this, in milliseconds, so that some of its commands are under way when their process is killed. */
const SWITCHED_MS_MAX = 1500;
/** How often the rack is asked for a configuration, and so has something to report, in milliseconds. */
const RENDERED_EVERY_MS = 100;
/** A writer pauses for this after each change, in milliseconds: the log keeps 50 000 events of one person, and none of these may be cut. */
const WRITTEN_EVERY_MS = 150;
const SWITCHED_MAC = '52:54:00:ff:00:01';
const SSH_KEY = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 7)]);

const stored = z.array(z.object({ system_id: z.string(), hostname: z.string(), description: z.string() }));

export interface FireOptions {
  readonly name: string;
  /** Of the region's processes. */
  readonly places: readonly LabPlace[];
  readonly rack: LabPlace;
  /** True for a standby that has every acknowledged transaction. */
  readonly hasStandby: boolean;
  /** Lines of postgresql.conf. */
  readonly settings?: readonly string[];
}

/** The number of kills of each kind. */
interface Kills {
  processes: number;
  database: number;
}

export class RegionUnderFire {
  readonly power: WebhookPower;
  readonly rack: RunningRack;
  readonly rackPlace: LabPlace;
  readonly kills: Kills = { processes: 0, database: 0 };
  writes = 0;
  failures = 0;
  /** True when nobody begins anything more. */
  isOver = false;
  /** A whole number from 0 to n - 1. */
  readonly chance: (n: number) => number;
  /** Called before each kill. */
  onKill: () => void = () => undefined;
  readonly #places: readonly LabPlace[];
  readonly #processes: readonly RunningRack[];
  readonly #up = new Set<RunningRack>();
  readonly #keepers: Promise<void>[] = [];
  readonly #directory: string;
  #server: PostgresServer;
  readonly #standby: PostgresServer | undefined;
  #key = '';
  #switchedId = '';
  #isClosed = false;
  /** By hostname: the last description that was acknowledged. */
  readonly #acknowledged = new Map<string, number>();
  readonly #story: string[] = [];
  readonly #moves = new Map<string, PromiseWithResolvers<void>>();
  readonly #begun = performance.now();

  private constructor(
    options: FireOptions,
    power: WebhookPower,
    servers: readonly [PostgresServer, PostgresServer | undefined],
  ) {
    this.chance = printedRandom(options.name);
    this.power = power;
    this.#places = options.places;
    [this.#server, this.#standby] = servers;
    this.#directory = mkdtempSync(join(tmpdir(), 'rackboot-current-'));
    const current = join(this.#directory, 'database');
    this.#point();
    const url = this.#server.urlOf(DATABASE, current);
    this.#processes = options.places.map((place) => regionProcess(place, url));
    this.rackPlace = options.rack;
    const { octets } = options.rack;
    const urls = options.places.map(({ regionPort }) => `http://127.0.0.1:${regionPort}/MAAS`);
    this.rack = new RunningRack(options.rack, (text) =>
      text
        .replace(/^name: .*$/m, 'name: far')
        .replace(
          /( +ip_range_high: .*\n)/,
          `$1    static_ip_range_low: ${octets}.10\n    static_ip_range_high: ${octets}.49\n`,
        )
        .replace(/^region: .*$/m, `region: { mode: remote, url: ${JSON.stringify(urls)} }`),
    );
  }

  static async start(options: FireOptions): Promise<RegionUnderFire> {
    const { settings = [] } = options;
    const primary = await PostgresServer.start({ settings });
    await primary.query(`CREATE DATABASE ${DATABASE}`);
    const standby = options.hasStandby ? await primary.startStandby() : undefined;
    const fire = new RegionUnderFire(options, await WebhookPower.start(), [primary, standby]);
    try {
      await fire.#open();
    } catch (error) {
      await fire.close();
      throw error;
    }
    return fire;
  }

  async #open(): Promise<void> {
    const [first] = this.#processes;
    assert.ok(first !== undefined);
    for (const one of this.#processes) {
      this.#keepers.push(this.#keep(one));
      await eventually('the process answers', () => one.status().catch(() => undefined), AWAY_MS_MAX);
    }
    this.#key = await first.administrator();
    await this.ask('account/prefs/sshkeys/', { key: `ssh-ed25519 ${SSH_KEY.toString('base64')} me@here` });
    await this.rack.start();
    await this.rack.reported('region.pending');
    const image = join(this.rack.directory, 'image.raw');
    writeFileSync(image, diskImage());
    const system = ['--os', 'debian', '--release', 'trixie'];
    await this.rack.well('images', 'add', image, ...system);
    await first.well('racks', 'accept', 'far');
    await eventually('the rack is linked', async () => (await this.rack.status()).region?.state === 'up');
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.isOver = true;
    this.#isClosed = true;
    await this.rack.remove();
    for (const one of this.#processes) if (this.#up.has(one)) process.kill(one.pid, 'SIGKILL');
    await Promise.all(this.#keepers);
    for (const one of this.#processes) await one.remove();
    this.power.close();
    await this.#server.close();
    await this.#standby?.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Says what a machine has just done, or what was done to it. */
  moved(what: string): void {
    this.#moves.get(what)?.resolve();
    this.#moves.delete(what);
  }

  /** Resolves when a machine does this, or after `limitMs`. */
  async move(what: string, limitMs: number): Promise<void> {
    const next = this.#moves.get(what) ?? Promise.withResolvers<void>();
    this.#moves.set(what, next);
    await Promise.race([next.promise, sleep(limitMs)]);
  }

  /** Adds a line to the story. */
  tell(text: string): void {
    const seconds = ((performance.now() - this.#begun) / 1000).toFixed(1);
    this.#story.push(`${seconds.padStart(7)} s  ${text}`);
  }

  /** The latest events, for a person who looks for the cause of a failure. */
  get story(): string {
    return this.#story.slice(-TOLD_MAX).join('\n');
  }

  /** Asks any of the processes. */
  ask(path: string, form?: Readonly<Record<string, string>>, method?: string): Promise<unknown> {
    return askRegion(this.#anyPlace(), this.#key, path, form, method);
  }

  /** Asks each of the processes. */
  askAll(path: string): Promise<readonly unknown[]> {
    return Promise.all(this.#places.map((place) => this.insist(() => askRegion(place, this.#key, path))));
  }

  /** Asks until it is answered. */
  async insist<T>(work: () => Promise<T>): Promise<T> {
    for (const from = performance.now(); ; ) {
      try {
        return await work();
      } catch (error) {
        if (this.#isClosed || performance.now() - from > AWAY_MS_MAX) throw error;
        this.failures += 1;
        await sleep(50);
      }
    }
  }

  query(sql: string): Promise<readonly Record<string, unknown>[]> {
    return this.insist(() => this.#server.query(sql, DATABASE));
  }

  /** Kills one process of the region that runs, or starts. */
  async killProcess(): Promise<void> {
    const up = await eventually('a process is up', () => this.#up.size > 0 && [...this.#up], AWAY_MS_MAX);
    const victim = up[this.chance(up.length)] ?? assert.fail();
    this.onKill();
    this.kills.processes += 1;
    this.tell(`KILLED: process ${this.#processes.indexOf(victim) + 1}`);
    process.kill(victim.pid, 'SIGKILL');
  }

  /** Kills the database, or now and then only ends it, and starts it again. */
  async killDatabase(): Promise<void> {
    this.onKill();
    const signal = this.chance(ENDS) === 0 ? 'SIGINT' : 'SIGKILL';
    this.kills.database += 1;
    this.tell(`KILLED: the database, by ${signal}`);
    await this.#server.end(signal);
    await sleep(DATABASE_DOWN_MS_MIN + this.chance(DATABASE_DOWN_MS_MAX - DATABASE_DOWN_MS_MIN));
    await this.#server.run();
    this.tell('the database is back');
  }

  /** Kills the database; its standby takes its place. */
  async promote(): Promise<void> {
    const standby = this.#standby ?? assert.fail('there is no standby');
    this.onKill();
    this.kills.database += 1;
    this.tell('KILLED: the database; its standby is promoted');
    await this.#server.end('SIGKILL');
    await standby.promote();
    await this.#server.close();
    this.#server = standby;
    this.#point();
    this.tell('the standby writes');
  }

  /** Plugs a machine into a power controller that takes its time. */
  addSocket(name: string, machine: Switched = { on: () => undefined, off: () => undefined }): PowerSocket {
    const slowly = (act: Switched['on']) => async () => {
      this.moved('switched');
      await sleep(Math.random() * SWITCHED_MS_MAX);
      await act();
    };
    return this.power.add(name, { on: slowly(() => machine.on()), off: slowly(() => machine.off()) });
  }

  /** Creates machines, and changes each three times, until it is over. */
  async write(writer: number): Promise<void> {
    for (let count = 0; !this.isOver; count += 1) {
      const hostname = `m-${writer}-${count}`;
      const tail = [writer, count >> 8, count & 255].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
      const machine = await this.#make({ hostname, mac_addresses: `52:54:00:${tail}` });
      this.#acknowledged.set(hostname, 0);
      this.writes += 1;
      for (let turn = 1; turn < 4 && !this.isOver; turn += 1) {
        await sleep(WRITTEN_EVERY_MS);
        await this.insist(() => this.ask(`machines/${machine.system_id}/`, { description: String(turn) }, 'PUT'));
        this.#acknowledged.set(hostname, turn);
        this.writes += 1;
      }
    }
  }

  #make(fields: Readonly<Record<'hostname' | 'mac_addresses', string>>) {
    return this.insist(async () => {
      const known = stored.parse(await this.ask(`machines/?hostname=${fields.hostname}`));
      const made = known[0] ?? (await this.ask('machines/', { ...fields, architecture: 'amd64/generic' }));
      return stored.element.parse(made);
    });
  }

  /** Follows the events, at another process after each end, until `upTo` says that the last one is there. */
  async follow(ids: number[], upTo: () => number): Promise<void> {
    // The place as the region gave it, as a browser's EventSource sends it back.
    let place = '';
    while ((ids.at(-1) ?? 0) < upTo()) {
      const url = `http://127.0.0.1:${this.#anyPlace().regionPort}/MAAS/api/2.0/events/?op=follow&level=DEBUG`;
      const from = place === '' ? '0' : place;
      const headers = { Authorization: authorizationOf(this.#key), 'Last-Event-ID': from };
      try {
        const answer = await fetch(url, { headers, signal: AbortSignal.timeout(FOLLOW_MS_MAX) });
        if (!answer.ok) continue;
        for await (const next of eventPlaces(answer)) {
          place = next;
          ids.push(idOf(next));
        }
      } catch {
        await sleep(50);
      }
    }
  }

  /** Makes a machine, and switches it on and off until it is over. A command whose end is not known is given again, as a person does. */
  async switchOnAndOff(socket: PowerSocket, onCommand: () => void): Promise<void> {
    const parameters = JSON.stringify(this.power.parameters(socket.name));
    const power = { power_type: 'webhook', power_parameters: parameters };
    const machine = await this.#make({ hostname: socket.name, mac_addresses: SWITCHED_MAC, ...power });
    this.#switchedId = machine.system_id;
    for (let what: 'on' | 'off' = 'on'; !this.isOver; ) {
      onCommand();
      await this.ask(`machines/${machine.system_id}/?op=power_${what}`, {}).then(undefined, () => sleep(200));
      for (let waits = 0; waits < 100 && socket.isOn !== (what === 'on') && !this.isOver; waits += 1) await sleep(50);
      if (socket.isOn === (what === 'on')) what = what === 'on' ? 'off' : 'on';
    }
  }

  /** Asks the rack for the configuration of the machine that is switched on and off, until it is over. */
  async load(): Promise<void> {
    const { octets, httpPort } = this.rackPlace;
    const url = `http://${octets}.1:${httpPort}/pxelinux.cfg/01-${SWITCHED_MAC.replaceAll(':', '-')}`;
    // Each with a connection of its own: a busy host may send a request just when the rack closes an idle connection.
    const headers = { Connection: 'close' };
    for (; !this.isOver; await sleep(RENDERED_EVERY_MS)) await fetch(url, { headers }).then((answer) => answer.text());
  }

  /** The region has each of the rack's reports on a machine once. */
  async checkReports(
    systemId = this.#switchedId,
    mac = SWITCHED_MAC,
    kinds: readonly string[] = ['http.rendered'],
  ): Promise<void> {
    const machine = `(SELECT id FROM machine WHERE system_id = '${systemId}')`;
    const rows = await this.query(
      `SELECT kind, count(*) AS count FROM event WHERE machine_id = ${machine} GROUP BY kind`,
    );
    const reported = new Map(rows.map(({ kind, count }) => [kind, Number(count)]));
    for (const kind of kinds) {
      const logged = this.rack.events(kind).filter((line) => line.mac === mac).length;
      assert.ok(logged > 0, `${mac}: ${kind}`);
      assert.equal(reported.get(kind), logged, `${mac}: ${kind}`);
    }
  }

  /** The ids of all events that a follower gets, in order. */
  async eventIds(): Promise<readonly number[]> {
    const rows = await this.query(`SELECT id FROM event WHERE level > ${EVENT_LEVELS.audit} ORDER BY id`);
    return rows.map(({ id }) => Number(id));
  }

  /** Every process shows every acknowledged write. */
  async checkWrites(): Promise<void> {
    for (const answer of await this.askAll('machines/')) {
      const all = new Map(
        stored.parse(answer).map(({ hostname, description }) => [hostname, Number(description)] as const),
      );
      for (const [hostname, turn] of this.#acknowledged)
        assert.ok((all.get(hostname) ?? -1) >= turn, `${hostname}: ${all.get(hostname)}, acknowledged ${turn}`);
    }
  }

  #anyPlace(): LabPlace {
    const [first] = this.#places;
    // The seed stands for the kills alone, because how many requests there are depends on the host.
    return this.#places[Math.floor(Math.random() * this.#places.length)] ?? first ?? assert.fail();
  }

  /** Makes the server that writes the one that the processes reach. */
  #point(): void {
    const current = join(this.#directory, 'database');
    symlinkSync(this.#server.directory, `${current}.new`);
    renameSync(`${current}.new`, current);
  }

  async #keep(one: RunningRack): Promise<void> {
    const name = `process ${this.#processes.indexOf(one) + 1}`;
    while (!this.#isClosed) {
      const ended = Promise.withResolvers<void>();
      await one.start({
        command: REGION_SERVICE,
        awaitReady: false,
        onExit: (code) => {
          this.#up.delete(one);
          if (code !== null && !this.#isClosed) this.tell(`${name} exited: ${code}`);
          ended.resolve();
        },
      });
      this.#up.add(one);
      this.tell(`${name} starts`);
      await ended.promise;
      await sleep(this.#isClosed ? 0 : Math.random() * DOWN_MS_MAX);
    }
  }
}
