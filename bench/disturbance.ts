// Disturbs a daemon from within, for the isolation benchmark: loaded before it (`--import`), in each of its threads. While the file
// `events` exists in the directory of RACKBOOT_DISTURBANCE, the events that it describes (by default NOISE) are published into the daemon's own
// ring; while the file `region` does, the region's thread computes without a pause.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, threadName } from 'node:worker_threads';
import type { DhcpEvent } from '../src/dhcp/events/events.ts';
import { ipv4, mac } from '../src/ground/address.ts';
import { systemClock } from '../src/ground/clock.ts';
import { EventStream } from '../src/observe/event-stream.ts';

/** Leases of hosts that take turns. */
export interface Noise {
  readonly perSecond: number;
  readonly firstMac: number;
  /** Hosts. */
  readonly count: number;
}

const NOISE: Noise = { perSecond: 100_000, firstMac: 0x02dd00000000, count: 10_000 };
/** A tick that comes late makes up for this long at the most, so that the burst is bounded. */
const CATCH_UP_MS_MAX = 20;
const LOOK_MS = 50;

const directory = process.env.RACKBOOT_DISTURBANCE;
if (directory !== undefined && isMainThread) publishOnDemand(join(directory, 'events'));
if (directory !== undefined && threadName === 'region') computeOnDemand(join(directory, 'region'));

/** Publishes into the first stream with a subscriber: the daemon has only one. */
function publishOnDemand(file: string): void {
  let stream: EventStream | undefined;
  const subscribe = EventStream.prototype.subscribe;
  EventStream.prototype.subscribe = function (this: EventStream, ...args: Parameters<EventStream['subscribe']>) {
    stream = this;
    return subscribe.apply(this, args);
  };
  let wanted: Noise | undefined;
  /** Of a slow noise, what is due after many ticks. */
  let owed = 0;
  let lastAt = systemClock.now();
  let count = 0;
  const look = (): void => {
    wanted = existsSync(file) ? { ...NOISE, ...JSON.parse(readFileSync(file, 'utf8') || '{}') } : undefined;
    systemClock.schedule(LOOK_MS, look);
  };
  const tick = (): void => {
    const now = systemClock.now();
    const dueMs = Math.min(CATCH_UP_MS_MAX, now - lastAt);
    lastAt = now;
    const { perSecond, firstMac, count: hosts } = wanted ?? { ...NOISE, perSecond: 0 };
    owed = stream === undefined ? 0 : owed + (dueMs / 1000) * perSecond;
    for (; owed >= 1; owed -= 1) {
      count += 1;
      const event: DhcpEvent = {
        kind: 'dhcp.ack',
        at: now,
        mac: mac(firstMac + (count % hosts)),
        address: ipv4(0x0a580000 + (count % hosts)),
        subnet: 'bench',
        leaseSeconds: 600,
        hostname: 'noise',
      };
      stream?.publish(event);
    }
    systemClock.schedule(1, tick);
  };
  look();
  tick();
}

/** The work of listing ten thousand machines, again and again. */
function computeOnDemand(file: string): void {
  const machines = Array.from({ length: 10_000 }, (_, index) => ({
    system_id: `node-${index}`,
    hostname: `machine-${index}`,
    interface_set: Array.from({ length: 4 }, (_each, place) => ({
      name: `eth${place}`,
      mac_address: '52:54:00:00:00:00',
    })),
    physicalblockdevice_set: Array.from({ length: 8 }, (_each, place) => ({
      name: `sd${place}`,
      size: place * 2 ** 40,
    })),
  }));
  const look = (): void => {
    const begunAt = systemClock.now();
    while (existsSync(file) && systemClock.now() - begunAt < 2000) JSON.parse(JSON.stringify(machines));
    systemClock.schedule(existsSync(file) ? 0 : LOOK_MS, look);
  };
  look();
}
