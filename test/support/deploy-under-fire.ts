// Machines are deployed while the processes of their region and its database are killed (`region-under-fire.ts`, `machine-under-fire.ts`).

import assert from 'node:assert/strict';
import { sleep } from '../../src/clock.ts';
import { SharedCable } from '../../src/lab/shared-cable.ts';
import { MachineUnderFire, STEP_MS_MAX } from './machine-under-fire.ts';
import { AWAY_MS_MAX, type FireOptions, RegionUnderFire } from './region-under-fire.ts';
import { eventually } from './running-rack.ts';

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
