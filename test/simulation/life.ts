// Simulated machines live their whole life in virtual time, on a wire with seeded faults, with the real DHCP and TFTP servers, boot policy and
// region: enlisted, accepted, deployed, seen at their own address, and released with their disks erased. The region controls their power. The
// boot HTTP listener is Node's and cannot run in virtual time, so the code that decides its answers is called directly.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { BootTokens } from '../../src/boot/boot-tokens.ts';
import { parseConfig } from '../../src/config/load.ts';
import { describeRack } from '../../src/daemon/rack/description.ts';
import { Rack } from '../../src/daemon/rack/rack.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { formatIpv4, formatMac, ipv4, type MacAddress } from '../../src/ground/address.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { enlistmentForm, simulatedHardware, uuidBytes } from '../../src/lab/simulated-hardware.ts';
import { SimulatedMachine } from '../../src/lab/simulated-machine.ts';
import { composeEventText } from '../../src/observe/event-text.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import type { MachineCommand } from '../../src/region/life/commands.ts';
import type { PowerControl } from '../../src/region/life/power-life.ts';
import type { MachineStatus } from '../../src/region/records/lifecycle.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import type { CommandName } from '../../src/region/records/machine-commands.ts';
import type { RackReport } from '../../src/region/records/machine-event.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { openRegion, type Region } from '../../src/region/region.ts';
import { EVENT_KINDS } from '../../src/region/reports/reported.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { selectReportParams } from '../../src/uplink/rack-uplink.ts';
import { MEMORY_PLACE } from '../support/memory-place.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { reasonOf } from '../support/sentences.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { bootFiles, memoryTree, SlowJournal } from './rack-parts.ts';
import { type ServeHttp, WiredMachine } from './virtual-machine.ts';
import { VirtualWire, type WireTrouble } from './virtual-wire.ts';

const RACK = ipv4(0x0a140001);
const ORIGIN = 'http://10.20.0.1:5248';
const STEP_MS = 50;
/** The longest acceptable life, in virtual time. */
const LIFE_MS_MAX = 6 * 3600_000;
/** Steps between two checks of all machines. */
const LOOKS_APART = 200;
/** How long a request of a machine is under way: a machine that starts again asks after the region has told the rack of its change. */
const HTTP_MS = 25;
/** How long switching a machine's power takes. */
const POWER_MS = 1500;
const FILES = bootFiles(4000, 9000, 12_000);
const CONFIG = `
name: rack
cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/16
    management: 2
    ip_range_low: 10.20.100.0
    ip_range_high: 10.20.199.255
    static_ip_range_low: 10.20.10.0
    static_ip_range_high: 10.20.19.255
dns: { listen: [] }
region: { new_machines_max: 2000 }
`;
const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.img',
  sha256: 'a'.repeat(64),
  bytes: 1000,
  format: 'raw',
};
const BOB = { username: 'bob', isAdmin: true, comment: '' };
const DEPLOY: MachineCommand = {
  name: 'deploy',
  deployment: { osystem: 'debian', release: 'trixie', deployBy: 'image' },
};

/** The command for a machine in each state, until its life is complete. */
const NEXT: Readonly<Partial<Record<MachineStatus, CommandName>>> = {
  new: 'accept',
  'failed-commissioning': 'commission',
  ready: 'deploy',
  'failed-deployment': 'deploy',
  deployed: 'release',
  'failed-releasing': 'release',
  'failed-disk-erasing': 'release',
};

/** A machine with switched power. */
interface Plug {
  wired: WiredMachine | undefined;
  disk: 'blank' | 'system';
  machine: SimulatedMachine | undefined;
  starts: number;
}

/** One rack, its region, and machines on one wire. */
class SimulatedSite {
  readonly clock: VirtualClock;
  readonly table = new LeaseTable();
  readonly #seed: number;
  readonly #stateDir: string;
  readonly #wire: VirtualWire;
  readonly #plugs = new Map<MacAddress, Plug>();
  readonly #reports: RackReport[] = [];
  readonly #tokens: BootTokens;
  readonly #config;
  readonly #serve: ServeHttp;
  readonly rack: Rack;
  readonly store: RegionStore;
  #region: Region | undefined;
  #app: FastifyInstance | undefined;
  #sequence = 0;
  /** The power tasks of each machine, by its name in the region and a name per task. */
  readonly switched = new Map<string, string>();

  constructor(seed: number, trouble: WireTrouble, stateDir: string) {
    this.#seed = seed;
    this.clock = new VirtualClock(1_700_000_000_000, seed);
    const { clock } = this;
    this.#wire = new VirtualWire(clock, seededRandom(seed), trouble);
    const parsed = parseConfig(CONFIG);
    if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
    this.#config = parsed.config;
    this.rack = new Rack(
      {
        clock,
        ...this.#wire.rackEnd(),
        journal: new SlowJournal(clock),
        table: this.table,
        tree: memoryTree(FILES),
        publish: (event) => this.#report(event),
        passing: { rackSecret: 'secret' },
      },
      { ...this.#config, http: { listen: [] } },
    );
    this.#tokens = new BootTokens({
      clock,
      publish: () => undefined,
      machines: () => this.rack.machines,
      macOf: (address) => this.table.find(address)?.mac,
    });
    this.store = openRegionStore({ stateDir });
    this.#stateDir = stateDir;
    this.#serve = async (request, peer) => {
      await new Promise<void>((resolve) => void clock.schedule(HTTP_MS, resolve));
      return this.#answer(request, peer);
    };
  }

  get region(): Region {
    return this.#region ?? assert.fail('the region is not open');
  }

  async open(): Promise<void> {
    const region = await openRegion({
      config: { ...this.#config.region, stateDir: this.#stateDir, rackSecret: 'secret' },
      store: this.store,
      clock: this.clock,
      power: this.#power(),
      findImage: () => IMAGE,
      onDesiredState: (state) => this.rack.setDesiredState(state),
    });
    this.#region = region;
    await region.racks.putOwn(describeRack(this.#config, '0fd4c0a2-2c4e-4a3c-9a3b-0000000000aa', '0'));
    const key = { username: 'bob', key: `ssh-ed25519 ${'A'.repeat(68)}`, createdMs: 1 };
    await this.store.life.addSshKey(key, 4, {
      type: 'AUTHORISATION',
      code: 'rack',
      params: { text: 'x' },
      atMs: 1,
      username: 'bob',
    });
    this.#app = buildApp(makeContext(region));
    const addresses = [{ address: RACK, prefix: 16 }];
    await this.rack.open([{ name: 'eth1', index: 2, mac: undefined, up: true, carrier: true, addresses }]);
  }

  async close(): Promise<void> {
    await this.#app?.close();
    this.#region?.close();
    await this.store.close();
  }

  /** Adds the `index`th machine, powered off. */
  add(index: number): MacAddress {
    const { mac } = simulatedHardware(index);
    this.#plugs.set(mac, { wired: undefined, disk: 'blank', machine: undefined, starts: 0 });
    return mac;
  }

  on(mac: MacAddress): void {
    const plug = this.#plugs.get(mac);
    if (plug === undefined) return;
    const hardware = simulatedHardware(mac - simulatedHardware(0).mac);
    plug.starts += 1;
    plug.machine = new SimulatedMachine({
      mac,
      uuid: uuidBytes(hardware.uuid),
      architecture: 0,
      enlistmentForm: (bootMac) => enlistmentForm(hardware, bootMac),
      seed: this.#seed + 7919 * plug.starts + (mac % 65_536),
      doesJobs: true,
      disk: plug.disk,
    });
    plug.wired = new WiredMachine(plug.machine, mac, this.#wire, this.clock, this.#serve);
    plug.wired.powerOn();
  }

  off(mac: MacAddress): void {
    const plug = this.#plugs.get(mac);
    if (plug === undefined) return;
    plug.disk = plug.machine?.disk ?? plug.disk;
    plug.wired?.unplug();
    plug.wired = undefined;
  }

  stepsOf(mac: MacAddress): readonly string[] {
    return this.#plugs.get(mac)?.wired?.steps ?? [];
  }

  /** Advances time until the condition holds, at most LIFE_MS_MAX. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    const end = this.clock.now() + LIFE_MS_MAX;
    while (!(await isSo()) && this.clock.now() < end) {
      await this.clock.pass(STEP_MS);
      await this.region.observe(this.#reports.splice(0), 'rack');
    }
  }

  #report(event: RackEvent): void {
    const kind = EVENT_KINDS.get(event.kind);
    if (kind?.level === 'debug') return;
    this.#sequence += 1;
    this.#reports.push({
      sequence: this.#sequence,
      kind: event.kind,
      at: this.clock.wallTimeMs(),
      text: composeEventText(event),
      params: selectReportParams(event),
      ...(event.mac === undefined ? {} : { mac: formatMac(event.mac) }),
      ...(event.address === undefined ? {} : { address: formatIpv4(event.address) }),
    });
  }

  /** Switches the power; the same task is never carried out twice. */
  #power(): PowerControl {
    return {
      drivers: [],
      switches: () => 'on-and-off',
      problemsOf: () => [],
      reading: () => undefined,
      ask: async () => ({ state: 'unknown', atMs: undefined, ageSeconds: undefined }),
      follow: (systemIds) => {
        for (const systemId of systemIds) this.clock.schedule(POWER_MS, () => void this.#switch(systemId));
      },
    };
  }

  async #switch(systemId: string): Promise<void> {
    const { powerTask: task, powerTaskId: id, interfaces } = (await this.store.findMachine(systemId)) ?? {};
    const mac = interfaces?.[0]?.mac;
    if (task === undefined || id === undefined || mac === undefined) return;
    if (this.switched.has(id)) return;
    this.switched.set(id, task);
    if (task !== 'on') this.off(mac);
    if (task === 'on' || task === 'cycle') this.on(mac);
    await this.region.life.powerSwitched(systemId, { id, task, kind: 'done' });
  }

  async #answer({ method, url, body, fields }: Parameters<ServeHttp>[0], peer: Parameters<ServeHttp>[1]) {
    const path = url.replace(ORIGIN, '');
    if (path.startsWith('/MAAS/')) return this.#forward(method, path, body, fields, peer);
    const asset = resolveBootAsset(
      { path, peer, local: RACK },
      {
        config: this.#config.boot,
        machines: this.rack.machines,
        macOf: (address) => this.table.find(address)?.mac,
        hasFile: (name) => FILES.has(name),
        tokens: this.#tokens,
      },
    );
    if (asset.kind === 'rendered') {
      const { mac, purpose } = asset;
      const reported = { at: this.clock.now(), mac, address: peer, file: asset.path, purpose };
      this.#report({ kind: 'http.rendered', ...reported });
      return { status: 200, body: Buffer.from(asset.text) };
    }
    const bytes = asset.kind === 'file' ? FILES.get(asset.path) : undefined;
    return bytes === undefined ? { status: 404, body: Buffer.alloc(0) } : { status: 200, body: bytes };
  }

  async #forward(
    method: 'GET' | 'POST',
    url: string,
    body: string | undefined,
    fields: Readonly<Record<string, string>>,
    peer: Parameters<ServeHttp>[1],
  ) {
    const token = fields['X-Rackboot-Token'];
    const mac = token === undefined ? undefined : this.#tokens.vouchFor(token, peer);
    const headers = {
      host: '10.20.0.1:5248',
      'x-forwarded-for': formatIpv4(peer),
      'x-rackboot-rack': 'secret',
      ...(token === undefined ? {} : { 'x-rackboot-token': token }),
      ...(mac === undefined ? {} : { 'x-rackboot-boot': formatMac(mac) }),
      ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    };
    const app = this.#app ?? assert.fail('the region is not open');
    const answer = await app.inject({ method, url, headers, ...(body === undefined ? {} : { payload: body }) });
    return { status: answer.statusCode, body: answer.rawPayload };
  }
}

/** Moves one machine on to its next state. @returns true when its life is complete */
async function goOn(
  site: SimulatedSite,
  machine: Machine,
  lives: Map<string, 'deployed' | 'released'>,
): Promise<boolean> {
  const { systemId, status } = machine;
  const life = lives.get(systemId);
  if (status === 'ready' && life === 'deployed') lives.set(systemId, 'released');
  if (status === 'deployed' && life === undefined) lives.set(systemId, 'deployed');
  if (lives.get(systemId) === 'released') return true;
  const name = NEXT[status];
  if (name === undefined) return false;
  const command: MachineCommand =
    name === 'deploy' ? DEPLOY : name === 'release' ? { name, erase: 'signatures' } : { name };
  if (status === 'deployed') assertLeased(site, machine);
  const outcome = await site.region.life.command(systemId, command, BOB);
  if (outcome.kind === 'refuse') assert.fail(outcome.refusal.text);
  return false;
}

/** Checks that a deployed machine has its assigned address by DHCP. */
function assertLeased(site: SimulatedSite, { addresses, hostname }: Machine): void {
  const [given] = addresses;
  assert.ok(given !== undefined, `${hostname} was given an address`);
  assert.equal(site.table.find(given.address)?.mac, given.mac, `${hostname} has its address`);
}

/** Runs the machines' lives, and checks their results. */
export async function simulateLife(seed: number, count: number, trouble: WireTrouble): Promise<void> {
  // Thousands of changes would each wait for the disk, which is not tested here.
  const directory = mkdtempSync(join(MEMORY_PLACE, 'rackboot-life-'));
  const site = new SimulatedSite(seed, trouble, directory);
  try {
    await site.open();
    const macs = Array.from({ length: count }, (_, index) => site.add(index));
    // As after a power cut: one after the other, within a few seconds.
    macs.forEach((mac, index) => void site.clock.schedule(10 * index, () => site.on(mac)));
    const lives = new Map<string, 'deployed' | 'released'>();
    const machines = (): Promise<readonly Machine[]> => site.store.listMachines({}, 0, count + 1);
    let looked = 0;
    await site.until(async () => {
      looked += 1;
      if (looked % LOOKS_APART !== 0) return false;
      const known = await machines();
      let whole = 0;
      for (const machine of known) if (await goOn(site, machine, lives)) whole += 1;
      return known.length === count && whole === count;
    });
    const ended = await machines();
    const stuck = ended.filter(({ status }) => status !== 'ready');
    const about = stuck.map(
      ({ hostname, status, statusReason, interfaces: [nic] }) =>
        `${hostname} is ${status}: ${reasonOf({ statusReason })}\n${nic === undefined ? '' : site.stepsOf(nic.mac).join('\n')}`,
    );
    assert.deepEqual(about, []);
    assert.equal(ended.length, count);
    for (const machine of ended) {
      assert.deepEqual([machine.owner, machine.addresses, machine.release], [undefined, [], ''], machine.hostname);
      assert.equal(lives.get(machine.systemId), 'released');
    }
  } finally {
    await site.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
