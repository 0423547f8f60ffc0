// Two processes of one region on one PostgreSQL server, and a client of either: what `e2e/region-processes.test.ts` and the long suite
// share.

import { z } from 'zod';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { PostgresServer } from './postgres-server.ts';
import { askRegion, REGION_SERVICE, regionProcess } from './region-process.ts';
import { type Ended, eventually, type RunningRack } from './running-rack.ts';

export const succeeds = (work: () => Promise<unknown>): Promise<boolean> =>
  work().then(
    () => true,
    () => false,
  );

export const machineShape = z.object({ system_id: z.string(), hostname: z.string(), power_state: z.string() });
const readyz = z.object({
  ready: z.boolean(),
  notReady: z.array(z.object({ what: z.string(), reason: z.string() })),
});
const changes = z.object({ events: z.array(z.object({ id: z.number(), description: z.string() })) });

/** Two processes of one region, each in a place of its own. */
export class RegionPair {
  readonly server: PostgresServer;
  readonly one: RunningRack;
  readonly two: RunningRack;
  readonly #places: readonly [LabPlace, LabPlace];
  /** Of an administrator. */
  key = '';
  /** The machine that `addMachine` made. */
  systemId = '';

  private constructor(places: readonly [LabPlace, LabPlace], server: PostgresServer, more: string) {
    this.#places = places;
    this.server = server;
    [this.one, this.two] = [
      regionProcess(places[0], server.urlOf('region'), more),
      regionProcess(places[1], server.urlOf('region'), more),
    ];
  }

  /** Starts both processes on a server of their own, and makes an administrator. @param more further values of `region`, in YAML */
  static async start(places: readonly [LabPlace, LabPlace], more = ''): Promise<RegionPair> {
    const server = await PostgresServer.start({ settings: [] });
    await server.query('CREATE DATABASE region');
    const pair = new RegionPair(places, server, more);
    try {
      await pair.one.start({ command: REGION_SERVICE });
      await pair.two.start({ command: REGION_SERVICE });
      pair.key = await pair.one.administrator();
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  /** Runs a command at the first process. */
  run(...args: string[]): Promise<Ended> {
    return this.one.rackboot(...args);
  }

  /** Asks one of the processes, as an administrator. */
  ask(which: 0 | 1, path: string, form?: Record<string, string>, method?: string): Promise<unknown> {
    return askRegion(this.#places[which], this.key, path, form, method);
  }

  /** Adds a machine by the first process. */
  async addMachine(hostname: string, mac: string): Promise<void> {
    const made = await this.ask(0, 'machines/', {
      hostname,
      mac_addresses: mac,
      architecture: 'amd64/generic',
      commission: 'false',
    });
    this.systemId = machineShape.parse(made).system_id;
  }

  async read(which: 0 | 1): Promise<z.infer<typeof machineShape>> {
    return machineShape.parse(await this.ask(which, `machines/${this.systemId}/`));
  }

  /** The descriptions of all events, oldest first, by one process. */
  async events(which: 0 | 1): Promise<readonly string[]> {
    const { events } = changes.parse(await this.ask(which, 'events/?op=query&limit=1000&level=DEBUG'));
    return events.toReversed().map(({ description }) => description);
  }

  /** The answer of a process's /readyz, and its duration. */
  async readiness(which: 0 | 1) {
    const from = performance.now();
    const answer = await fetch(`http://${this.#places[which].octets}.2:5249/readyz`);
    const { ready, notReady } = readyz.parse(await answer.json());
    return { status: answer.status, ready, notReady, ms: performance.now() - from };
  }

  areReady(): Promise<boolean> {
    return eventually('both are ready', async () => {
      const both = await Promise.all([this.readiness(0), this.readiness(1)]);
      return both.every(({ status, ready }) => status === 200 && ready);
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.one.remove(), this.two.remove()]);
    await this.server.close();
  }
}
