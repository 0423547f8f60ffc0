// A machine that enlists, is commissioned, and is deployed and released again and again while its region is under fire; and the person who
// gives the commands.
//
// 1. The person repeats a command only if no answer came and the machine's state shows that the command was not carried out.
// 2. The person never switches the machine: the region itself switches on what an interrupted power command has left off.

import assert from 'node:assert/strict';
import { z } from 'zod';
import { sleep } from '../../src/clock.ts';
import type { SharedCable } from '../../src/lab/shared-cable.ts';
import { SimulatedLife } from '../../src/lab/simulated-life.ts';
import { formatMac } from '../../src/net/address.ts';
import { AWAY_MS_MAX, type RegionUnderFire } from './region-under-fire.ts';
import { eventually } from './running-rack.ts';
import type { PowerSocket } from './webhook-power.ts';

/** The longest a step may take, in milliseconds. It includes a time without duties, a machine's retries, and power queries a minute apart. */
export const STEP_MS_MAX = 240_000;
/** How often the person looks. */
const LOOK_MS = 300;
/** Kinds of events that a rack reports of every machine it boots. */
const REPORTED = ['dhcp.offer', 'dhcp.ack', 'tftp.sent', 'http.rendered'];

const machines = z.array(
  z.object({ system_id: z.string(), status_name: z.string(), status_message: z.string(), power_task: z.string() }),
);
type Shown = z.output<typeof machines>[number];
const outcome = z.object({ kind: z.string() });

export class MachineUnderFire {
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
