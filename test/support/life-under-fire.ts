// One machine's life on a real daemon that is killed repeatedly: the rack, the region, a webhook for the machine's power, and the machine,
// on loopback.
//
// 1. The daemon is killed when its log has a line of a given kind, when the power was asked to change (and has changed, but not answered),
//    or when a command was answered.
// 2. One command asks the power to be off, on, and off at its end: each once at most.
// 3. A boot that a kill interrupted would be retried at its deadline, after minutes. Here a person instead powers the machine on when it is
//    off with work to do and no power change is in progress, and power cycles it when its firmware hangs. Each is a separate command.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { formatMac } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import type { MachineOutcome, MachineStep } from '../../src/lab/machine-actions.ts';
import { MachineRunner } from '../../src/lab/machine-runner.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import {
  enlistmentForm,
  type SimulatedHardware,
  simulatedHardware,
  uuidBytes,
} from '../../src/lab/simulated-hardware.ts';
import { SimulatedMachine } from '../../src/lab/simulated-machine.ts';
import type { Switchable } from '../../src/lab/webhook-power.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { diskImage } from './disk-image.ts';
import { DhcpProbes } from './probes.ts';
import { eventually, RunningRack } from './running-rack.ts';
import { type PowerSocket, WebhookPower } from './webhook-power.ts';

/** How often its system renews its address. */
const ASKS_EVERY_MS = 10_000;

interface Running {
  readonly machine: SimulatedMachine;
  readonly runner: MachineRunner;
  readonly network: HostNetwork;
}

class LivingMachine implements Switchable {
  readonly hardware: SimulatedHardware;
  /** Everything it did, over all its boots, as text. */
  readonly steps: string[] = [];
  /** How each of its boots ended. */
  readonly outcomes: MachineOutcome[] = [];
  /** Called when it powers itself off. */
  onOff: () => void = () => undefined;
  readonly #place: LabPlace;
  #disk: 'blank' | 'system' = 'blank';
  #running: Running | undefined;
  #unplugged = Promise.withResolvers<void>();
  /** Ends its system. */
  #kept: Promise<void> = Promise.resolve();

  constructor(place: LabPlace, index: number) {
    this.#place = place;
    this.hardware = simulatedHardware(index);
  }

  get disk(): 'blank' | 'system' {
    return this.#running?.machine.disk ?? this.#disk;
  }

  async on(): Promise<void> {
    if (this.#running !== undefined) return;
    const { hardware } = this;
    const machine = new SimulatedMachine({
      mac: hardware.mac,
      uuid: uuidBytes(hardware.uuid),
      architecture: 0,
      enlistmentForm: (bootMac) => enlistmentForm(hardware, bootMac),
      seed: Buffer.from(systemClock.randomBytes(4)).readUInt32BE(0),
      doesJobs: true,
      disk: this.#disk,
    });
    const network = await openNetwork();
    const onStep = ({ name, text }: MachineStep): void => void this.steps.push(`${name}: ${text}`);
    const runner = new MachineRunner(machine, { ...this.#place, network, clock: systemClock, device: 'lo', onStep });
    this.#running = { machine, runner, network };
    void runner.run().then(async (outcome) => {
      this.outcomes.push(outcome);
      await network.close();
      if (outcome.kind === 'system-up') {
        this.#kept = this.#keepAddress(runner);
        return;
      }
      if (this.#running?.runner !== runner) return;
      this.#disk = machine.disk;
      this.#running = undefined;
      this.onOff();
    });
  }

  /** Runs while it has power. */
  async #keepAddress(runner: MachineRunner): Promise<void> {
    while (this.#running?.runner === runner) {
      const probes = await DhcpProbes.open(this.#place);
      // A lost answer is requested again the next time.
      void probes.lease(this.hardware.mac, 'system');
      await Promise.race([sleep(ASKS_EVERY_MS), this.#unplugged.promise]);
      await probes.close();
    }
  }

  /** Cuts its power. */
  async off(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    this.#disk = running.machine.disk;
    this.#unplugged.resolve();
    this.#unplugged = Promise.withResolvers();
    await this.#kept;
    await running.runner.close();
    await running.network.close();
  }
}

/** How long a step may take: a machine without an answer asks again after seconds. */
const STEP_MS_MAX = 90_000;
/** How often the person checks, and after how many checks in a row they act. */
const LOOK_MS = 500;
const LOOKS = 4;
/** Checks without activity after which a machine hangs: its firmware waits for the rest of a file. */
const STILL_LOOKS = 16;
/** States in which a machine should be on. */
const AT_WORK = new Set(['Commissioning', 'Deploying', 'Disk erasing', 'Testing', 'Entering rescue mode']);

/** When the daemon is killed: at an event kind in its log, or at one of these. */
type KillPoint = 'answered' | 'power-on' | 'power-off' | (string & {});

/** A machine as the API shows it. */
export interface ShownMachine {
  readonly system_id: string;
  readonly status_name: string;
  readonly status_message: string;
  readonly power_task: string;
}

export const isShownMachine = (value: unknown): value is ShownMachine =>
  typeof value === 'object' &&
  value !== null &&
  'system_id' in value &&
  'status_name' in value &&
  'status_message' in value &&
  'power_task' in value;

export class LifeUnderFire {
  readonly rack: RunningRack;
  readonly machine: LivingMachine;
  kills = 0;
  #power: WebhookPower | undefined;
  #socket: PowerSocket | undefined;
  #id = '';
  /** The person's power changes during the present command. */
  readonly #byHand: ('on' | 'off')[] = [];

  constructor(place: LabPlace, index: number) {
    const range = `    static_ip_range_low: ${place.octets}.10\n    static_ip_range_high: ${place.octets}.19\n`;
    // The daemon may be killed when the machine posts.
    const config = (text: string): string =>
      `${text.replace(/( +ip_range_high: .*\n)/, `$1${range}`)}log: { levels: { http: debug } }\n`;
    this.rack = new RunningRack(place, config);
    this.machine = new LivingMachine(place, index);
  }

  async open(): Promise<void> {
    this.#power = await WebhookPower.start();
    const socket = this.#power.add('one', this.machine);
    this.#socket = socket;
    this.machine.onOff = () => {
      socket.isOn = false;
    };
    await this.rack.startWhole();
    const image = join(this.rack.directory, 'image.raw');
    writeFileSync(image, diskImage());
    await this.#run('images', 'add', image, '--os', 'debian', '--release', 'trixie');
    const key = join(this.rack.directory, 'key.pub');
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 7)]);
    writeFileSync(key, `ssh-ed25519 ${bytes.toString('base64')} me@here\n`);
    await this.#run('sshkeys', 'add', key);
  }

  async close(): Promise<void> {
    await this.machine.off();
    this.#power?.close();
    await this.rack.remove();
  }

  /** Powers the machine on by hand; it enlists, and gets its webhook. */
  async enlist(points: readonly KillPoint[]): Promise<void> {
    const fire = this.#fire(points);
    await this.machine.on();
    await fire;
    const found = await eventually('the machine', () => this.#find(), STEP_MS_MAX);
    this.#id = found.system_id;
    await eventually('its end', () => this.machine.outcomes.length > 0, STEP_MS_MAX);
    const power_parameters = JSON.stringify(this.#power?.powerParameters('one') ?? {});
    await this.#post('PUT', '', { power_type: 'webhook', power_parameters });
  }

  /** Gives one command, and kills the daemon at each of these points, in order. */
  async command(op: string, fields: Readonly<Record<string, string>>, points: readonly KillPoint[]): Promise<void> {
    const socket = this.#socket;
    assert.ok(socket !== undefined);
    socket.asked.length = 0;
    this.#byHand.length = 0;
    const [first, ...rest] = points;
    if (first !== 'answered') {
      socket.isSilent = points.includes('power-on') ? 'on' : points.includes('power-off') ? 'off' : false;
      const fire = this.#fire(points);
      await this.#post('POST', `?op=${op}`, fields);
      await this.#withPerson(fire);
      return;
    }
    // Count the next run's log lines from its start: the machine may be done before `region.up` is seen.
    const from = this.rack.lines.length;
    await this.#post('POST', `?op=${op}`, fields);
    await this.#kill();
    const fire = this.#fire(rest, from);
    // A lost change is repeated by a person or the deadline. A refused one is repeated once the machine is idle.
    if (await this.#isLost()) await this.#switch('power_on').catch(() => undefined);
    await this.#withPerson(fire);
  }

  /** Off and on for the work, and off when it is done: each was asked once at most. */
  assertOnce(): void {
    const asked = this.#socket?.asked ?? [];
    const left = ['off', 'on', ...this.#byHand, 'off'];
    for (const what of asked) {
      const place = left.indexOf(what);
      assert.ok(place >= 0, `its power was asked to be ${asked.join(', ')}`);
      left.splice(0, place + 1);
    }
  }

  /** True if the process died between recording a power change and making it: its result is unknown, and it is not repeated. */
  async #isLost(): Promise<boolean> {
    const path = `/MAAS/api/2.0/events/?op=query&id=${this.#id}&limit=10&level=DEBUG`;
    return eventually('the power, or that it is lost', async () => {
      if ((this.#socket?.count('on') ?? 0) > 0) return 'asked';
      const text = JSON.stringify(await askDaemon(this.rack.stateDir, path).catch(() => ''));
      return /perhaps switched/.test(text) ? 'lost' : undefined;
    }).then((what) => what === 'lost');
  }

  /** Waits until the machine is in a state with the matching power: later power requests belong to the next command. */
  async reach(status: string): Promise<void> {
    let last = '';
    const isThere = async (): Promise<boolean> => {
      const found = await this.#find();
      last = `${found?.status_name}: ${found?.status_message}`;
      return found?.status_name === status && found.power_task === '';
    };
    try {
      await this.#withPerson(eventually(status, isThere, STEP_MS_MAX));
      this.assertOnce();
    } catch (error) {
      throw new Error(`it is ${last}\n${this.machine.steps.slice(-40).join('\n')}`, {
        cause: error,
      });
    }
  }

  /** Waits, and powers the machine on whenever a kill has left it off with work to do. */
  async #withPerson<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = work.finally(() => {
      isOver = true;
    });
    // The code that awaits it reports its failure.
    over.catch(() => undefined);
    let looks = 0;
    let seen = -1;
    while (!isOver) {
      await Promise.race([sleep(LOOK_MS), over.catch(() => undefined)]);
      const found = await this.#find();
      const { length } = this.machine.steps;
      const isIdle = found?.power_task === '' && AT_WORK.has(found.status_name) && length === seen;
      seen = length;
      looks = isIdle ? looks + 1 : 0;
      const isOn = this.#socket?.isOn === true;
      if (isOver || looks < (isOn ? STILL_LOOKS : LOOKS)) continue;
      looks = 0;
      await this.#switch(isOn ? 'power_cycle' : 'power_on').catch(() => undefined);
    }
    return over;
  }

  async #switch(op: 'power_on' | 'power_cycle'): Promise<void> {
    if (op === 'power_cycle') this.#byHand.push('off');
    this.#byHand.push('on');
    await this.#post('POST', `?op=${op}`, {});
  }

  async status(): Promise<string | undefined> {
    return (await this.#find())?.status_name;
  }

  async #fire(points: readonly KillPoint[], since = this.rack.lines.length): Promise<void> {
    let from = since;
    for (const point of points) {
      const socket = this.#socket;
      if (point === 'answered') await this.#kill();
      else if (point === 'power-on' || point === 'power-off') {
        const what = point === 'power-on' ? 'on' : 'off';
        await eventually(point, () => socket !== undefined && socket.count(what) > 0, STEP_MS_MAX);
        await this.#kill();
        socket?.speak();
      } else {
        // Count lines that it logged before it died, because the machine may be faster than this check. A line that the kill lost is
        // never read: the machine is then done, and there is nothing left to interrupt.
        const isReported = async (): Promise<number | 'over' | undefined> => {
          const [line] = this.rack.events(point, from);
          if (line !== undefined) return this.rack.lines.indexOf(line, from) + 1;
          return (await this.#isOver()) ? 'over' : undefined;
        };
        const reported = await eventually(`${point} in the log`, isReported, STEP_MS_MAX).catch((cause) =>
          this.#stuck(points, cause),
        );
        if (reported === 'over') return;
        from = reported;
        await this.#kill();
      }
    }
  }

  /** True if the machine has finished its work and has the matching power. */
  async #isOver(): Promise<boolean> {
    if (this.#id === '') return this.machine.outcomes.length > 0;
    const found = await this.#find();
    return found?.power_task === '' && !found.status_name.includes('ing');
  }

  /** Describes the last actions of machine, power and daemon. */
  async #stuck(points: readonly KillPoint[], cause: unknown): Promise<never> {
    const found = await this.#find();
    const socket = this.#socket;
    const state = `${found?.status_name}: ${found?.status_message}; task ${found?.power_task}; it is ${socket?.isOn === true ? 'on' : 'off'}`;
    const asked = `asked ${socket?.asked.join(', ')}; by hand ${this.#byHand.join(', ')}`;
    const last = [
      ...this.machine.steps.slice(-30),
      ...this.rack.lines.slice(-60).map((line) => JSON.stringify(line)),
    ].join('\n');
    throw new Error(`${this.kills} kills; ${points.join(', ')}: ${state}; ${asked}\n${last}`, { cause });
  }

  async #kill(): Promise<void> {
    await this.rack.kill();
    this.kills += 1;
    await this.rack.startWhole();
  }

  async #find(): Promise<ShownMachine | undefined> {
    const mac = formatMac(this.machine.hardware.mac);
    const list = await askDaemon(this.rack.stateDir, `/MAAS/api/2.0/machines/?mac_address=${mac}`).catch(() => []);
    return Array.isArray(list) ? list.find(isShownMachine) : undefined;
  }

  async #post(method: 'POST' | 'PUT', rest: string, fields: Readonly<Record<string, string>>): Promise<void> {
    const form = new URLSearchParams(fields).toString();
    await askDaemon(this.rack.stateDir, `/MAAS/api/2.0/machines/${this.#id}/${rest}`, method, form);
  }

  async #run(...words: readonly string[]): Promise<void> {
    await this.rack.well(...words);
  }
}
