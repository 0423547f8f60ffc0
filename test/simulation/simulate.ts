// Simulated machines against the real DHCP and TFTP servers, boot policy and region in virtual time. The boot HTTP listener is Node's and
// cannot run in virtual time, so the code that decides its answers is called directly; the disk is slow but reliable. Whatever is lost,
// duplicated or late, each machine is enlisted once, with one lease, and the rack has nothing left open. A failing seed is printed.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { parseConfig } from '../../src/config/load.ts';
import { Rack } from '../../src/daemon/rack/rack.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { formatIpv4, formatMac, ipv4 } from '../../src/ground/address.ts';
import { enlistmentForm, simulatedHardware, uuidBytes } from '../../src/lab/simulated-hardware.ts';
import { SimulatedMachine } from '../../src/lab/simulated-machine.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { openRegion } from '../../src/region/region.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { bootFiles, labConfig, memoryTree, SlowJournal } from './rack-parts.ts';
import { type ServeHttp, WiredMachine } from './virtual-machine.ts';
import { VirtualWire } from './virtual-wire.ts';

const RACK = ipv4(0x0a140001);
/** The longest acceptable boot, in virtual time. */
const BOOT_MS_MAX = 20 * 60_000;
const FILES = bootFiles(40_000, 90_000, 120_000);

const directory = mkdtempSync(join(tmpdir(), 'rackboot-simulation-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const tree = memoryTree(FILES);

function loadTestConfig() {
  const parsed = parseConfig(labConfig(110));
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  return parsed.config;
}

/** Boots three machines on a wire with seeded faults, and checks the results. */
export async function simulate(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const clock = new VirtualClock(1_700_000_000_000, seed);
  const wire = new VirtualWire(clock, random, {
    loss: random() * 0.25,
    duplication: random() * 0.3,
    delayMsMax: random() * 300,
    httpLoss: random() * 0.2,
  });
  const config = loadTestConfig();
  const table = new LeaseTable();
  const rack = new Rack(
    {
      clock,
      ...wire.rackEnd(),
      journal: new SlowJournal(clock),
      table,
      tree,
      publish: () => undefined,
      passing: { rackSecret: 'secret' },
    },
    { ...config, http: { listen: [] } },
  );
  await rack.open([
    { name: 'eth1', index: 2, mac: undefined, up: true, carrier: true, addresses: [{ address: RACK, prefix: 24 }] },
  ]);

  const stateDir = join(directory, String(seed));
  const store = openRegionStore({ stateDir });
  const region = await openRegion({
    config: { ...config.region, stateDir, rackSecret: 'secret' },
    store,
    clock,
    onDesiredState: (state) => rack.setDesiredState(state),
  });
  const app = buildApp(makeContext(region));

  const serveHttp: ServeHttp = async ({ method, url, body }, peer) => {
    const path = url.replace('http://10.20.0.1:5248', '');
    if (path.startsWith('/MAAS/')) {
      const headers = {
        'x-forwarded-for': formatIpv4(peer),
        'x-rackboot-rack': 'secret',
        'content-type': 'application/x-www-form-urlencoded',
      };
      const answer = await app.inject({ method, url: path, headers, ...(body === undefined ? {} : { payload: body }) });
      return { status: answer.statusCode, body: answer.rawPayload };
    }
    const asset = resolveBootAsset(
      { path, peer, local: RACK },
      {
        config: config.boot,
        machines: rack.machines,
        macOf: (address) => table.find(address)?.mac,
        hasFile: (name) => FILES.has(name),
      },
    );
    if (asset.kind === 'rendered') return { status: 200, body: Buffer.from(asset.text) };
    const bytes = asset.kind === 'file' ? FILES.get(asset.path) : undefined;
    return bytes === undefined ? { status: 404, body: Buffer.alloc(0) } : { status: 200, body: bytes };
  };

  const machines = [0, 1, 2].map((index) => {
    const hardware = simulatedHardware(index);
    const spec = {
      mac: hardware.mac,
      uuid: uuidBytes(hardware.uuid),
      architecture: 0,
      enlistmentForm: (mac: string) => enlistmentForm(hardware, mac),
      seed: seed + index,
    };
    return new WiredMachine(new SimulatedMachine(spec), hardware.mac, wire, clock, serveHttp);
  });
  for (const machine of machines) machine.powerOn();
  const until = clock.now() + BOOT_MS_MAX;
  while (machines.some(({ outcome }) => outcome === undefined) && clock.now() < until) {
    await clock.pass(50);
  }

  for (const machine of machines) {
    assert.equal(
      machine.outcome?.kind,
      'enlisted',
      `${formatMac(machine.mac)}: ${JSON.stringify(machine.outcome)}\n${machine.steps.join('\n')}`,
    );
  }
  const known = await store.listMachines({}, 0, 100);
  const macs = known.flatMap(({ interfaces }) => interfaces.map(({ mac }) => mac));
  assert.deepEqual(macs.toSorted(), machines.map(({ mac }) => mac).toSorted(), 'each machine is known once');
  assert.equal(known.length, machines.length);
  assert.ok(known.every(({ status }) => status === 'new'));
  const addresses = machines.map(({ mac }) =>
    table
      .findAllByClient(mac)
      .filter((lease) => lease.state === 'bound')
      .map(({ address }) => address),
  );
  assert.ok(
    addresses.every((own) => own.length === 1),
    'one machine has one lease',
  );
  assert.equal(new Set(addresses.flat()).size, machines.length, 'no address is two machines’');

  await clock.pass(10 * 60_000);
  assert.equal(rack.tftp.counters().active, 0, 'no transfer is left open');
  await app.close();
  region.close();
  await store.close();
}

/** Simulates every seed from `first` to `last`. */
export async function simulateSeeds(first: number, last: number): Promise<void> {
  for (let seed = first; seed <= last; seed += 1) {
    try {
      await simulate(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}
