// Boots machine after machine against one rack in virtual time, to detect growth in the rack's loop: DHCP, TFTP, boot policy, names, the event
// stream with its timeline, and a discarded log. A stub that accepts everything replaces the region, which is another thread with its own
// heap.
//
// 1. Memory is read after a full collection, so it counts only objects that are still referenced.
// 2. Readings begin after WARM_BOOTS, when every bounded store is full.

import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { parseConfig } from '../../src/config/load.ts';
import { attributeEvents } from '../../src/daemon/observing/attribution.ts';
import { Rack } from '../../src/daemon/rack/rack.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { ipv4, mac as macOf } from '../../src/ground/address.ts';
import { SimulatedMachine } from '../../src/lab/simulated-machine.ts';
import { EventStream } from '../../src/observe/event-stream.ts';
import { logEvents } from '../../src/observe/log.ts';
import { LogLevels } from '../../src/observe/log-levels.ts';
import { Timeline } from '../../src/observe/timeline.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { bootFiles, labConfig, memoryTree, SlowJournal } from './rack-parts.ts';
import { type ServeHttp, WiredMachine } from './virtual-machine.ts';
import { VirtualWire } from './virtual-wire.ts';

/** Boots before the first reading: the timeline's steps, the ring and the leases of the range are full by then. */
const WARM_BOOTS = 6000;
const RACK = ipv4(0x0a140001);
const BOOT_MS_MAX = 10 * 60_000;
const FIRST_MAC = 0x0200_0000_0000;
/** After this time the short firmware lease of a departed machine has expired. */
const BETWEEN_MS = 1000;
const FILES = bootFiles(3000, 2000, 2000);

/** The heap after a full collection, in bytes. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Boots `count` machines in sequence after WARM_BOOTS others. @returns the heap size at `readings` points on the way */
export async function bootMany(count: number, readings: number): Promise<readonly number[]> {
  const clock = new VirtualClock();
  const wire = new VirtualWire(clock, () => 0.5, { loss: 0, duplication: 0, delayMsMax: 1, httpLoss: 0 });
  const parsed = parseConfig(labConfig(199));
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  const { config } = parsed;
  const stream = new EventStream(clock);
  const levels = new LogLevels({ level: 'info', levels: new Map() }, { clock, publish: stream.publish });
  logEvents(pino({ level: 'info' }, { write: () => undefined }), stream, levels);
  new Timeline(stream.publish).read(stream);
  const table = new LeaseTable();
  const rack = new Rack(
    {
      clock,
      ...wire.rackEnd(),
      journal: new SlowJournal(clock),
      table,
      tree: memoryTree(FILES),
      publish: attributeEvents(table, stream.publish),
      passing: { rackSecret: 'secret' },
    },
    { ...config, http: { listen: [] } },
  );
  await rack.open([
    { name: 'eth1', index: 2, mac: undefined, up: true, carrier: true, addresses: [{ address: RACK, prefix: 24 }] },
  ]);
  const serve: ServeHttp = async ({ method, url }, peer) => {
    if (method === 'POST') return { status: 200, body: Buffer.from('{"system_id":"node-1"}') };
    const asset = resolveBootAsset(
      { path: url.replace('http://10.20.0.1:5248', ''), peer, local: RACK },
      {
        config: config.boot,
        machines: rack.machines,
        macOf: (address) => table.find(address)?.mac,
        hasFile: (name) => FILES.has(name),
      },
    );
    if (asset.kind === 'rendered') return { status: 200, body: Buffer.from(asset.text) };
    const bytes = asset.kind === 'file' ? FILES.get(asset.path) : undefined;
    return { status: bytes === undefined ? 404 : 200, body: bytes ?? Buffer.alloc(0) };
  };

  const held: number[] = [];
  const every = Math.floor(count / (readings - 1));
  for (let boot = 0; boot <= WARM_BOOTS + count; boot += 1) {
    const since = boot - WARM_BOOTS;
    if (since >= 0 && since % every === 0 && held.length < readings) held.push(heldBytes());
    await bootOne(boot, wire, clock, serve);
  }
  assert.ok(table.size <= 100, 'one record for each address of the range');
  assert.equal(rack.tftp.counters().active, 0, 'no transfer is left open');
  return held;
}

async function bootOne(index: number, wire: VirtualWire, clock: VirtualClock, serve: ServeHttp): Promise<void> {
  const mac = macOf(FIRST_MAC + index);
  const uuid = Buffer.alloc(16);
  uuid.writeUIntBE(mac, 10, 6);
  const spec = { mac, uuid, architecture: 0, enlistmentForm: () => 'architecture=amd64', seed: index + 1 };
  const machine = new WiredMachine(new SimulatedMachine(spec), mac, wire, clock, serve);
  machine.powerOn();
  const until = clock.now() + BOOT_MS_MAX;
  while (machine.outcome === undefined && clock.now() < until) {
    clock.advance(20);
    // The engines' promises and the event consumers run between two moments.
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(
    machine.outcome?.kind,
    'enlisted',
    `boot ${index}: ${JSON.stringify(machine.outcome)}\n${machine.steps.join('\n')}`,
  );
  wire.peers.splice(wire.peers.indexOf(machine), 1);
  clock.advance(BETWEEN_MS);
}

/** The slope of the readings by least squares, in bytes per boot. */
export function slopeOf(held: readonly number[], boots: number): number {
  const step = boots / (held.length - 1);
  const middle = ((held.length - 1) * step) / 2;
  const mean = held.reduce((sum, value) => sum + value, 0) / held.length;
  let [above, below] = [0, 0];
  held.forEach((value, place) => {
    above += (place * step - middle) * (value - mean);
    below += (place * step - middle) ** 2;
  });
  return above / below;
}
