// Machines are deployed while the processes of their region and its database are killed (`region-under-fire.ts`).

import assert from 'node:assert/strict';
import { z } from 'zod';
import { sleep } from '../../src/clock.ts';
import { SharedCable } from '../../src/lab/shared-cable.ts';
import { SimulatedLife } from '../../src/lab/simulated-life.ts';
import { formatMac } from '../../src/net/address.ts';
import { AWAY_MS_MAX, type FireOptions, RegionUnderFire } from './region-under-fire.ts';
import { eventually } from './running-rack.ts';
import type { PowerSocket } from './webhook-power.ts';

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
  readonly #life: SimulatedLife;
  readonly #socket: PowerSocket;
  readonly #mac: string;
  readonly #livesMax: number;
  isDeploying = false;
  /** True if it stays Deployed. */
  isDone = false;

  constructor(fire: RegionUnderFire, index: number, cable: SharedCable, paceMs: number, livesMax: number) {
    this.#fire = fire;
    this.#livesMax = livesMax;
    this.#life = new SimulatedLife(fire.rackPlace, index, { plug: () => cable.plug(), cloudInit: index % 2 === 0 });
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
    const power_parameters = JSON.stringify(power.parameters(this.#socket.name));
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
