// Everything that can happen between racks, machines and their region, in virtual time and in an order derived from a seed: the line loses,
// delays, duplicates and is cut; the region restarts; the rack or only its uplink's thread is killed; wall clocks step; machines boot; an
// administrator changes them. Afterwards rack and region agree, and everything that the rack wrote to disk has arrived once, in order.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { parseConfig } from '../../src/config/load.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../../src/ground/address.ts';
import type { Clock } from '../../src/ground/clock.ts';
import { enlistmentForm, simulatedHardware, uuidBytes } from '../../src/lab/simulated-hardware.ts';
import { SimulatedMachine } from '../../src/lab/simulated-machine.ts';
import type { RegionKey } from '../../src/uplink/region-key.ts';
import { MEMORY_PLACE } from '../support/memory-place.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { sentenceOf } from '../support/sentences.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { TroubledNetwork } from './chaos-network.ts';
import { ChaosRack, TICK_KIND, tickOf } from './chaos-rack.ts';
import { ChaosRegion } from './chaos-region.ts';
import { bootFiles } from './rack-parts.ts';
import { type ServeHttp, WiredMachine } from './virtual-machine.ts';
import { VirtualWire } from './virtual-wire.ts';

const RACK = ipv4(0x0a140001);
const UUID = '5a5a5a5a-1111-4222-8333-444444444444';
const KEY: RegionKey = { consumer: 'rack', token: 'token-of-the-rack', secret: 'secret-of-the-rack', isDrawn: true };
const MACHINES = 2;
const STEP_MS = 25;
const CHAOS_MS = 80_000;
/** How long everything may take to settle after the last disturbance. */
const REST_MS_MAX = 20 * 60_000;
const DAY_MS = 86_400_000;
const FILES = bootFiles(6000, 3000, 3000);
const HOST = [
  { name: 'eth1', index: 2, mac: undefined, up: true, carrier: true, addresses: [{ address: RACK, prefix: 24 }] },
];

// In memory if the host has such a file system: the databases are flushed hundreds of times per seed.
const directory = mkdtempSync(join(MEMORY_PLACE, 'rackboot-chaos-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** A clock with its own wall time. */
class SteppedClock implements Clock {
  readonly #clock: VirtualClock;
  #offsetMs = 0;
  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  now = () => this.#clock.now();
  wallTimeMs = () => Math.floor(this.#clock.wallTimeMs()) + this.#offsetMs;
  schedule = (delayMs: number, action: () => void) => this.#clock.schedule(delayMs, action);
  randomBytes = (count: number) => this.#clock.randomBytes(count);
  step(ms: number): void {
    this.#offsetMs += ms;
  }
}

function configOf(name: string, stateDir: string) {
  const parsed = parseConfig(`
name: ${name}
state_dir: ${stateDir}
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.110 }
dns: { listen: [] }
`);
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  return { ...parsed.config, http: { listen: [] } };
}

class World {
  readonly clock: VirtualClock;
  readonly random: () => number;
  readonly rackClock: SteppedClock;
  readonly regionClock: SteppedClock;
  readonly region: ChaosRegion;
  readonly network: TroubledNetwork;
  readonly rack: ChaosRack;
  readonly machines: readonly WiredMachine[];
  /** The disturbances, for the report of a failing seed. */
  readonly deeds: string[] = [];
  #ticks = 0;
  #edits = 0;

  constructor(seed: number) {
    this.clock = new VirtualClock(1_700_000_000_000, seed);
    this.random = seededRandom(seed);
    this.rackClock = new SteppedClock(this.clock);
    this.regionClock = new SteppedClock(this.clock);
    const stateDir = join(directory, String(seed));
    const regionConfig = configOf('region', join(stateDir, 'region')).region;
    // The rack keeps its own networks, not the region.
    this.region = new ChaosRegion({ ...regionConfig, managedNetworks: [], rackSecret: 'own' }, this.regionClock, KEY);
    const { random } = this;
    this.network = new TroubledNetwork(this.clock, random, this.region, {
      loss: random() * 0.2,
      duplication: random() * 0.2,
      lateness: random() * 0.1,
      delayMsMax: random() * 800,
    });
    const wire = new VirtualWire(this.clock, random, { loss: 0.03, duplication: 0.05, delayMsMax: 30, httpLoss: 0.03 });
    const config = configOf('far', join(stateDir, 'rack'));
    this.rack = new ChaosRack({
      clock: this.rackClock,
      config,
      host: HOST,
      wire,
      files: FILES,
      transport: this.network.transport(),
      key: KEY,
      uuid: UUID,
    });
    this.machines = Array.from({ length: MACHINES }, (_, index) => {
      const hardware = simulatedHardware(index);
      const spec = {
        mac: hardware.mac,
        uuid: uuidBytes(hardware.uuid),
        architecture: 0,
        enlistmentForm: (mac: string) => enlistmentForm(hardware, mac),
        seed: seed + index,
      };
      return new WiredMachine(new SimulatedMachine(spec), hardware.mac, wire, this.clock, this.#serve);
    });
  }

  /** The boot listener's answer, decided by the same code. */
  readonly #serve: ServeHttp = async ({ method, url, body }, peer) => {
    const life = this.rack.running;
    const path = url.replace('http://10.20.0.1:5248', '');
    if (life === undefined) return { status: 503, body: Buffer.alloc(0) };
    if (path.startsWith('/MAAS/')) return this.#pass(path, body ?? '', peer);
    const asset = resolveBootAsset(
      { path, peer, local: RACK },
      {
        config: configOf('far', '/nowhere').boot,
        machines: life.rack.machines,
        macOf: (address) => this.rack.table.find(address)?.mac,
        hasFile: (name) => FILES.has(name),
      },
    );
    if (asset.kind === 'rendered') return { status: 200, body: Buffer.from(asset.text) };
    const bytes = method === 'GET' && asset.kind === 'file' ? FILES.get(asset.path) : undefined;
    return bytes === undefined ? { status: 404, body: Buffer.alloc(0) } : { status: 200, body: bytes };
  };

  async #pass(path: string, body: string, peer: Ipv4) {
    const uplink = this.rack.running?.uplink;
    if (uplink?.status().state === 'up' && this.random() > this.network.trouble.loss) {
      const answer = await this.region.pass(path, body, formatIpv4(peer));
      if (answer !== undefined && answer.status < 502) return { status: answer.status, body: Buffer.from(answer.body) };
    }
    const post = {
      at: Math.round(this.rackClock.wallTimeMs()),
      peer: formatIpv4(peer),
      contentType: 'application/x-www-form-urlencoded',
      path,
      body: Buffer.from(body).toString('base64'),
    };
    const refusal = uplink === undefined ? 'gone' : await uplink.queuePost(post);
    return { status: refusal === undefined ? 202 : 503, body: Buffer.from('{"status":"queued"}') };
  }

  tick(): void {
    if (this.rack.running === undefined) return;
    this.#ticks += 1;
    const event = { kind: TICK_KIND, at: this.rackClock.now(), keys: `tick ${this.#ticks}` };
    this.rack.publish(event);
  }

  /** Changes the desired state: a machine's name, which every rack learns. */
  async edit(): Promise<void> {
    if (!this.region.isUp) return;
    const { region, store } = this.region.running;
    const machine = (await store.listMachines({}, 0, 1))[0];
    this.#edits += 1;
    if (machine !== undefined)
      await region.editMachine(machine.systemId, { hostname: `edited-${this.#edits}` }, 'admin');
  }

  async accept(): Promise<void> {
    if (!this.region.isUp || this.region.running.region.racks.find(UUID)?.state !== 'pending') return;
    this.deed('the rack is accepted');
    await this.region.running.region.racks.judge([UUID], 'accept', 'admin');
  }

  deed(text: string): void {
    this.deeds.push(`${((this.clock.now() - 1_700_000_000_000) / 1000).toFixed(1)} s: ${text}`);
  }
}

/** One disturbance, which ends after a while. */
async function trouble(world: World): Promise<void> {
  const { random, clock } = world;
  const later = (ms: number, mend: () => void | Promise<void>): void => {
    clock.schedule(random() * ms, () => void mend());
  };
  const stepMs = Math.round((random() - 0.5) * 2 * DAY_MS);
  switch (Math.floor(random() * 7)) {
    case 0:
      world.deed('the line is cut');
      world.network.cut();
      later(40_000, () => world.network.mend());
      break;
    case 1:
      if (!world.region.isUp) break;
      world.deed('the region is stopped');
      world.network.endStreams();
      await world.region.stop();
      later(30_000, () => world.region.start());
      break;
    case 2:
      if (world.rack.running === undefined) break;
      world.deed('the rack is killed');
      await world.rack.kill();
      later(4000, () => world.rack.start());
      break;
    case 3:
      world.deed('the thread of the uplink dies');
      world.rack.killThread();
      break;
    case 4:
      world.deed(`the rack's wall clock steps ${stepMs} ms`);
      world.rackClock.step(stepMs);
      break;
    case 5:
      world.deed(`the region's wall clock steps ${stepMs} ms`);
      world.regionClock.step(stepMs);
      break;
    default:
      world.deed('every stream ends');
      world.network.endStreams();
  }
}

/** Advances until `isOver`, or by `ms`. */
async function run(
  world: World,
  ms: number,
  everyStep: () => Promise<void> | void,
  isOver: () => Promise<boolean> = async () => false,
): Promise<void> {
  const until = world.clock.now() + ms;
  while (world.clock.now() < until && !(await isOver())) {
    await everyStep();
    await world.clock.pass(STEP_MS);
  }
}

async function isAtRest(world: World): Promise<boolean> {
  if (world.rack.running === undefined || !world.region.isUp) return false;
  const status = world.rack.running.uplink.status();
  const { region } = world.region.running;
  const pulse = region.racks.find(UUID)?.pulse;
  return (
    status.state === 'up' &&
    status.eventsWaiting === 0 &&
    pulse?.waiting === 0 &&
    pulse.applied === (await region.desiredState(UUID)).version &&
    world.machines.every(({ outcome }) => outcome !== undefined)
  );
}

async function checkAgreement(world: World): Promise<void> {
  const { region, store } = world.region.running;
  const life = world.rack.running ?? assert.fail('the rack does not run');
  const wanted = await region.desiredState(UUID);
  const status = life.uplink.status();
  assert.equal(status.desiredVersion, wanted.version, 'the version in force');
  assert.deepEqual(JSON.parse(JSON.stringify(life.rack.machines.all)), JSON.parse(JSON.stringify(wanted.machines)));
  const pulse = region.racks.find(UUID)?.pulse;
  assert.equal(pulse?.applied, wanted.version, 'the region knows what is in force');
  assert.deepEqual([pulse?.dropped, pulse?.deadLetters], [0, 0]);

  const arrived = (await store.listEvents({ limit: 100_000 }))
    .filter(({ kind }) => kind === TICK_KIND)
    .toReversed()
    .map((event) => tickOf(sentenceOf(event)));
  assert.deepEqual(arrived, world.rack.durable, 'every event that was on disk has arrived once, in its order');

  for (const machine of world.machines)
    assert.ok(
      machine.outcome?.kind === 'enlisted' || machine.outcome?.kind === 'queued',
      `${JSON.stringify(machine.outcome)}\n${machine.steps.join('\n')}`,
    );
  const known = await store.listMachines({}, 0, 100);
  const macs = known.flatMap(({ interfaces }) => interfaces.map(({ mac }) => mac));
  assert.deepEqual(macs.toSorted(), world.machines.map(({ mac }) => mac).toSorted(), 'each machine is known once');
  assert.equal(known.length, world.machines.length);
}

/** Runs one seed. */
async function liveThroughChaos(seed: number): Promise<void> {
  const world = new World(seed);
  const { random, clock } = world;
  await world.region.start();
  await world.rack.start();
  const acceptAt = clock.now() + random() * 15_000;
  let tickAt = 0;
  let troubleAt = clock.now() + random() * 12_000;
  let editAt = 0;
  world.machines.forEach((machine, index) => {
    clock.schedule(random() * 30_000 + index * 20_000, () => machine.powerOn());
  });
  try {
    await run(world, CHAOS_MS, async () => {
      const now = clock.now();
      if (now >= acceptAt) await world.accept();
      if (now >= tickAt) {
        for (let count = 0; count < random() * 6; count += 1) world.tick();
        tickAt = now + random() * 800;
      }
      if (now >= editAt) {
        await world.edit();
        editAt = now + random() * 15_000;
      }
      if (now >= troubleAt) {
        await trouble(world);
        troubleAt = now + random() * 12_000;
      }
    });
    world.deed('peace');
    world.network.trouble = { loss: 0, duplication: 0, lateness: 0, delayMsMax: 20 };
    world.network.mend();
    await run(
      world,
      REST_MS_MAX,
      () => world.accept(),
      () => isAtRest(world),
    );
    await checkAgreement(world);
  } catch (error) {
    const status = JSON.stringify(world.rack.running?.uplink.status());
    throw new Error(`${world.deeds.join('\n')}\n${status}`, { cause: error });
  } finally {
    await world.rack.kill();
    await world.region.stop();
    rmSync(join(directory, String(seed)), { recursive: true, force: true });
  }
}

/** Runs every seed from `first` to `last`. */
export async function liveThroughSeeds(first: number, last: number): Promise<void> {
  for (let seed = first; seed <= last; seed += 1) {
    try {
      await liveThroughChaos(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}
