// Machines are deployed while the processes of their region and its database are killed, and clients write and follow events.

import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { formatMac } from '../../src/ground/address.ts';
import { sleep } from '../../src/ground/clock.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { SharedCable } from '../../src/lab/shared-cable.ts';
import { SwitchableMachine } from '../../src/lab/simulated-life.ts';
import type { Switchable } from '../../src/lab/webhook-power.ts';
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
const AWAY_MS_MAX = 60_000;
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

interface FireOptions {
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

class RegionUnderFire {
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
  addSocket(name: string, machine: Switchable = { on: () => undefined, off: () => undefined }): PowerSocket {
    const slowly = (act: Switchable['on']) => async () => {
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
      const made =
        known[0] ?? (await this.ask('machines/', { ...fields, architecture: 'amd64/generic', commission: 'false' }));
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
    const parameters = JSON.stringify(this.power.powerParameters(socket.name));
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

/** The longest a step may take, in milliseconds. It includes a time without duties, a machine's retries, and power queries a minute apart. */
const STEP_MS_MAX = 240_000;
/** How often the person looks. */
const LOOK_MS = 300;
/** Kinds of events that a rack reports of every machine it boots. */
const REPORTED = ['dhcp.offer', 'dhcp.ack', 'tftp.sent', 'http.rendered'];

const machines = z.array(
  z.object({ system_id: z.string(), status_name: z.string(), status_message: z.string(), power_task: z.string() }),
);
type Shown = z.output<typeof machines>[number];
const outcome = z.object({ kind: z.string() });

class MachineUnderFire {
  readonly name: string;
  /** How often each command was given and carried out. */
  readonly commands = { accept: 0, deploy: 0, release: 0 };
  /** Kills during its deployments. */
  kills = 0;
  systemId = '';
  readonly #fire: RegionUnderFire;
  readonly #life: SwitchableMachine;
  readonly #socket: PowerSocket;
  readonly #mac: string;
  readonly #livesMax: number;
  isDeploying = false;
  /** True if it stays Deployed. */
  isDone = false;

  constructor(fire: RegionUnderFire, index: number, cable: SharedCable, paceMs: number, livesMax: number) {
    this.#fire = fire;
    this.#livesMax = livesMax;
    this.#life = new SwitchableMachine(fire.rackPlace, index, { plug: () => cable.plug(), cloudInit: index % 2 === 0 });
    this.#life.paceMs = paceMs;
    this.#mac = formatMac(this.#life.hardware.mac);
    this.name = `machine ${index}`;
    this.#socket = fire.addSocket(`machine-${index}`, this.#life);
    this.#life.onOff = () => {
      this.#socket.isOn = false;
      fire.tell(`${this.name}: is off after ${this.#life.outcomes.at(-1)}`);
    };
    this.#life.onStep = ({ name, text }) => {
      fire.moved(name);
      if (['power-on', 'running', 'system', 'waiting', 'working', 'posted'].includes(name))
        fire.tell(`${this.name}: ${text}`);
    };
  }

  close(): Promise<void> {
    return this.#life.close();
  }

  /** Counts a kill. */
  noteKill(): void {
    if (this.isDeploying) this.kills += 1;
  }

  /** Leads the machine through its lives until the test is over, and leaves it Deployed. */
  async lead(): Promise<void> {
    await this.#socket.switchTo('on');
    await this.#reach('New');
    const { power } = this.#fire;
    const power_parameters = JSON.stringify(power.powerParameters(this.#socket.name));
    await this.#fire.insist(() =>
      this.#fire.ask(`machines/${this.systemId}/`, { power_type: 'webhook', power_parameters }, 'PUT'),
    );
    await this.#command('accept', 'New');
    await this.#reach('Ready');
    for (;;) {
      this.isDeploying = true;
      await this.#command('deploy', 'Ready', { distro_series: 'trixie' });
      await this.#reach('Deployed');
      this.isDeploying = false;
      this.isDone = this.#fire.isOver || this.commands.deploy >= this.#livesMax;
      if (this.isDone) return;
      await this.#command('release', 'Deployed');
      await this.#reach('Ready');
    }
  }

  async #command(name: keyof typeof this.commands, from: string, fields: Record<string, string> = {}): Promise<void> {
    this.commands[name] += 1;
    const until = performance.now() + AWAY_MS_MAX;
    for (;;) {
      this.#fire.tell(`${this.name}: ${name}`);
      const problem = await this.#fire.ask(`machines/${this.systemId}/?op=${name}`, fields).then(
        () => undefined,
        (error: unknown) => String(error),
      );
      if (problem === undefined) return;
      this.#fire.failures += 1;
      const found = await this.#find();
      this.#fire.tell(`${this.name}: ${name}: ${problem.slice(0, 200)}; it is ${found?.status_name}`);
      if (found?.status_name !== from) return;
      if (performance.now() > until) assert.fail(`${this.name}: ${name}: ${problem}`);
      await sleep(LOOK_MS);
    }
  }

  /** Waits until it is in a state and no power command waits. */
  async #reach(status: string): Promise<void> {
    const until = performance.now() + STEP_MS_MAX;
    for (;;) {
      const found = await this.#find();
      const isOff = !this.#socket.isOn;
      // An enlisted machine powers itself off. Wait for that: a command must find it off.
      if (found?.status_name === status && found.power_task === '' && (status !== 'New' || isOff)) break;
      const shown = `${found?.status_name}: ${found?.status_message}; its task is ${found?.power_task || 'none'}`;
      const isFailed = found?.status_name.startsWith('Failed') === true;
      if (isFailed || performance.now() > until) assert.fail(`${this.name} should be ${status}, and is ${shown}`);
      await sleep(LOOK_MS);
    }
    this.#fire.tell(`${this.name}: is ${status}`);
  }

  async #find(): Promise<Shown | undefined> {
    const [found] = machines.parse(await this.#fire.insist(() => this.#fire.ask(`machines/?mac_address=${this.#mac}`)));
    this.systemId = found?.system_id ?? '';
    return found;
  }

  /** Its power commands in the region's ledger, in order. */
  async #changes() {
    const rows = await this.#fire.query(
      `SELECT command, outcome FROM power_command WHERE system_id = '${this.systemId}' ORDER BY begun_ms`,
    );
    return rows.map(({ command, outcome: ended }) => ({
      command: outcome.parse(JSON.parse(String(command))).kind,
      kind: ended === null ? 'under way' : outcome.parse(JSON.parse(String(ended))).kind,
    }));
  }

  /** @param answer a process's list of machines */
  checkDeployed(answer: unknown): void {
    const shown = machines.parse(answer).find(({ system_id }) => system_id === this.systemId);
    assert.equal(shown?.status_name, 'Deployed', this.name);
  }

  /** Checks that its power controller got each step of each command in the ledger once and nothing else, and that each end has one event. */
  async checkPower(): Promise<void> {
    const { asked } = this.#socket;
    // The next holder of the duties ends a command of a killed one only after a pause.
    const changes = await eventually(
      `${this.name}: each command ends`,
      async () => {
        const ledger = await this.#changes();
        return ledger.every(({ kind }) => kind !== 'under way') && ledger;
      },
      AWAY_MS_MAX,
    );
    let places = new Set([0]);
    for (const { command, kind } of changes) {
      const steps = command === 'cycle' ? ['off', 'on'] : [command];
      const least = kind === 'done' ? steps.length : 0;
      const next = new Set<number>();
      for (const place of places)
        for (let count = 0; count <= steps.length; count += 1)
          if (count >= least && steps.slice(0, count).every((what, index) => asked[place + index] === what))
            next.add(place + count);
      places = next;
    }
    const events = await this.#fire.query(
      `SELECT code, params FROM event WHERE machine_id = (SELECT id FROM machine WHERE system_id = '${this.systemId}')
       AND code IN ('power-switched', 'power-off-again', 'power-uncertain', 'power-failed') ORDER BY id`,
    );
    const ledger = changes.map(({ command, kind }) => `${command} ${kind}`).join(', ');
    assert.ok(places.has(asked.length), `${this.name} was switched ${asked.join(', ')}; the ledger has ${ledger}`);
    const ends = events.map(({ code, params }) => `${code} ${params}`).join(', ');
    assert.equal(events.length, changes.length, `${this.name}: the events have ${ends}; the ledger has ${ledger}`);
  }

  /** Checks that its events report its states in order, and every command, disk and report of its rack once. */
  async checkEvents(): Promise<void> {
    const rows = await this.#fire.query(
      `SELECT code, params::jsonb ->> 'from' AS from_state, params::jsonb ->> 'to' AS to_state, params::jsonb ->> 'command' AS command
       FROM event WHERE machine_id = (SELECT id FROM machine WHERE system_id = '${this.systemId}') ORDER BY id`,
    );
    const of = (code: string) => rows.filter((row) => row.code === code);
    const { accept, deploy, release } = this.commands;
    assert.equal(accept, 1);
    const life = ['allocated', 'deploying', 'deployed', 'releasing', 'ready'];
    const states = ['new', 'commissioning', 'ready', ...Array.from({ length: deploy }, () => life).flat()].slice(
      0,
      deploy > release ? -2 : undefined,
    );
    assert.deepEqual(
      of('status-changed').map(({ from_state: from, to_state: to }) => `${from} ${to}`),
      states.slice(1).map((to, index) => `${states[index]} ${to}`),
      this.name,
    );
    for (const [command, count] of Object.entries(this.commands))
      assert.equal(of('command').filter((row) => row.command === command).length, count, `${this.name}: ${command}`);
    assert.equal(of('disk-written').length, deploy, this.name);
    await this.#fire.checkReports(this.systemId, this.#mac, REPORTED);
  }
}

interface DeployOptions extends FireOptions {
  readonly machines: number;
  /** Deployments of each machine, at most; the last one ends after the last kill. */
  readonly livesMax: number;
  /** How long a machine waits before each request to its region, in milliseconds. */
  readonly paceMs: number;
  readonly writers: number;
  readonly followers: number;
  /** Before the standby takes over, and after it. */
  readonly kills: readonly [before: number, after: number];
  /** One kill in this number is that of the database. */
  readonly killsPerCrash: number;
  /** The longest pause between two kills; most are far shorter. */
  readonly pauseMsMax: number;
}

/** The first machine's number among simulated ones. */
const FIRST = 1600;

/** Moments at which something is under way at the region: a change of power, a signal, an event that the rack reports. */
const AIMS = ['switched', 'power-on', 'address', 'configuration', 'running', 'working', 'system'] as const;
/** How long a kill waits for its moment, and how soon after it it comes, in milliseconds. */
const AIMED_MS_MAX = 2000;
const SOON_MS_MAX = 250;

export async function deployUnderFire(options: DeployOptions): Promise<void> {
  const fire = await RegionUnderFire.start(options);
  const cable = await SharedCable.open(options.rack.dhcpClientPort);
  const machines = Array.from(
    { length: options.machines },
    (_, index) => new MachineUnderFire(fire, FIRST + index, cable, options.paceMs, options.livesMax),
  );
  fire.onKill = () => {
    for (const machine of machines) machine.noteKill();
  };
  try {
    await run(fire, machines, options);
  } catch (error) {
    console.log(fire.story);
    throw error;
  } finally {
    fire.isOver = true;
    for (const machine of machines) await machine.close();
    await cable.close();
    await fire.close();
  }
}

async function run(
  fire: RegionUnderFire,
  machines: readonly MachineUnderFire[],
  options: DeployOptions,
): Promise<void> {
  const socket = fire.addSocket('switched');
  let commands = 0;
  const count = (): void => {
    commands += 1;
  };
  const working = [
    fire.switchOnAndOff(socket, count),
    fire.load(),
    ...Array.from({ length: options.writers }, (_, writer) => fire.write(writer)),
    ...machines.map((machine) => machine.lead()),
  ];
  const failed = new Promise<never>((_, reject) => {
    for (const work of working) work.catch(reject);
  });
  const followed = Array.from({ length: options.followers }, (): number[] => []);
  let newest = Number.POSITIVE_INFINITY;
  const following = followed.map((ids) => fire.follow(ids, () => newest));
  let written: readonly number[] = [];
  try {
    await Promise.race([shoot(fire, machines, options), failed]);
    fire.isOver = true;
    await Promise.all(working);
    const isReported = async () => (await fire.rack.status()).region?.eventsWaiting === 0;
    await eventually('the rack has reported everything', isReported, AWAY_MS_MAX);
    written = await fire.eventIds();
  } finally {
    newest = written.at(-1) ?? 0;
    await Promise.all(following);
  }
  for (const ids of followed)
    assert.deepEqual(
      ids.filter((id) => id <= newest),
      written,
    );
  for (const machine of machines) {
    await machine.checkPower();
    await machine.checkEvents();
  }
  await fire.checkReports();
  await fire.checkWrites();
  for (const answer of await fire.askAll('machines/')) for (const machine of machines) machine.checkDeployed(answer);
  assert.ok(socket.asked.length <= commands, `${socket.asked.length} changes for ${commands} commands`);
  for (const [index, what] of socket.asked.entries()) assert.notEqual(what, socket.asked[index - 1], `change ${index}`);
  const sum = (of: (machine: MachineUnderFire) => number) => machines.reduce((all, machine) => all + of(machine), 0);
  const atWork = sum(({ kills }) => kills);
  assert.ok(atWork > 0, 'no machine was deploying when something was killed');
  console.log(
    `killed: ${fire.kills.processes} processes, ${fire.kills.database} databases; machines that were deploying then: ${atWork}; ` +
      `deployed: ${sum(({ commands: { deploy } }) => deploy)}; ` +
      `${fire.writes} writes acknowledged, ${fire.failures} requests failed, ${written.length} events, ` +
      `${socket.asked.length} changes of power for ${commands} commands`,
  );
}

async function shoot(
  fire: RegionUnderFire,
  machines: readonly MachineUnderFire[],
  options: DeployOptions,
): Promise<void> {
  const [before, after] = options.kills;
  await volley(fire, machines, before, options);
  if (after === 0) return;
  await fire.promote();
  await volley(fire, machines, after, options);
}

/** So many kills. Every other one meets a machine that is deploying, and has just done one of AIMS. */
async function volley(
  fire: RegionUnderFire,
  machines: readonly MachineUnderFire[],
  kills: number,
  { killsPerCrash, pauseMsMax }: DeployOptions,
): Promise<void> {
  let back = Promise.resolve();
  let crash = 0;
  for (let kill = 0; kill < kills && !fire.isOver; kill += 1) {
    if (kill % killsPerCrash === 0) crash = kill + fire.chance(killsPerCrash);
    // Short pauses are the most frequent: the next kill then meets a process that starts, or recovers.
    await sleep((fire.chance(1000) / 1000) ** 2 * pauseMsMax);
    const aim = AIMS[fire.chance(AIMS.length)];
    if (kill % 2 === 1 && aim !== undefined) await takeAim(fire, machines, aim);
    if (kill === crash) {
      await back;
      back = fire.killDatabase();
      back.catch(() => undefined);
    } else await fire.killProcess();
  }
  await back;
}

/** Waits until a machine is deploying and something has just done `aim`, or no machine will deploy any more. */
async function takeAim(fire: RegionUnderFire, machines: readonly MachineUnderFire[], aim: string): Promise<void> {
  const isOver = (): boolean => machines.every(({ isDone }) => isDone);
  const isDeploying = (): boolean => machines.some((machine) => machine.isDeploying);
  do {
    await eventually('a machine is deploying', () => isDeploying() || isOver(), STEP_MS_MAX);
    await fire.move(aim, AIMED_MS_MAX);
    await sleep(fire.chance(SOON_MS_MAX));
  } while (!isDeploying() && !isOver());
}
