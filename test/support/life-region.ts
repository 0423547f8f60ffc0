// A region of two processes on one PostgreSQL, in the private network of a machine's life: each may be killed, and the database restarted.

import { sleep } from '../../src/clock.ts';
import type { LabNamespace } from '../../src/lab/namespace.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { PostgresServer } from './postgres-server.ts';
import { REGION_SERVICE, regionProcess } from './region-process.ts';
import { eventually, type RunningRack } from './running-rack.ts';
import type { RegionApart } from './whole-life.ts';

const DATABASE = 'region';
/** The duties of a process that died are taken within this, in milliseconds. */
const TAKEN_MS_MAX = 60_000;
/** A process that has lost its duties while the database was away ends within this, in milliseconds. */
const LOST_MS = 3000;

export class LifeRegion implements RegionApart {
  readonly urls: readonly string[];
  readonly server: PostgresServer;
  /** The first one has the duties at first. */
  readonly processes: readonly [RunningRack, RunningRack];
  /** The one that commands are given to. */
  current: RunningRack;
  readonly #namespace: LabNamespace;
  /** Those that must not run. */
  readonly #stopped = new Set<RunningRack>();

  private constructor(places: readonly [LabPlace, LabPlace], server: PostgresServer, namespace: LabNamespace) {
    const url = server.urlOf(DATABASE);
    this.urls = places.map(({ regionPort }) => `http://127.0.0.1:${regionPort}/MAAS`);
    this.server = server;
    this.processes = [regionProcess(places[0], url), regionProcess(places[1], url)];
    [this.current] = this.processes;
    this.#namespace = namespace;
  }

  /** Starts the database and both processes. */
  static async start(places: readonly [LabPlace, LabPlace], namespace: LabNamespace): Promise<LifeRegion> {
    const server = await PostgresServer.start({ settings: [] });
    await server.query(`CREATE DATABASE ${DATABASE}`);
    const region = new LifeRegion(places, server, namespace);
    try {
      const [first, second] = region.processes;
      await region.run(first);
      await eventually('the first has the duties', async () => (await region.holder()) !== undefined);
      await region.run(second);
    } catch (error) {
      await region.remove();
      throw error;
    }
    return region;
  }

  /** Starts a process, and restarts it if it exits, as a service manager does. */
  async run(one: RunningRack): Promise<void> {
    this.#stopped.delete(one);
    await one.start({
      command: REGION_SERVICE,
      before: ['ip', 'netns', 'exec', this.#namespace.name],
      onExit: () => this.#stopped.has(one) || void this.run(one),
    });
  }

  /** Kills the process that has the duties, to which commands are given; the other gets both. */
  async killCurrent(): Promise<void> {
    const [first, second] = this.processes;
    const holder = await this.holder();
    const killed = this.current;
    this.#stopped.add(killed);
    await killed.kill();
    this.current = killed === first ? second : first;
    await eventually('the other has the duties', async () => (await this.holder()) !== holder, TAKEN_MS_MAX);
  }

  /** The process with the duties, as it calls itself. */
  async holder(): Promise<string | undefined> {
    const [row] = await this.server.query('SELECT holder FROM duty', DATABASE);
    return row === undefined ? undefined : String(row.holder);
  }

  async #areHeld(): Promise<boolean> {
    const rows = await this.server.query('SELECT 1 FROM duty WHERE ends_at > clock_timestamp()', DATABASE);
    return rows.length === 1;
  }

  /** Stops the database for a while, and waits until every process answers again. */
  async pauseDatabase(whileAway: () => Promise<void>): Promise<void> {
    await this.server.end('SIGINT');
    await whileAway();
    await this.server.run();
    await eventually('the duties are held', () => this.#areHeld(), TAKEN_MS_MAX);
    await sleep(LOST_MS);
    for (const one of this.processes) {
      const answers = () =>
        one.ask('/MAAS/api/2.0/machines/').then(
          () => true,
          () => false,
        );
      await eventually('it answers again', answers, TAKEN_MS_MAX);
    }
  }

  async remove(): Promise<void> {
    for (const one of this.processes) this.#stopped.add(one);
    await Promise.all(this.processes.map((one) => one.remove()));
    await this.server.close();
  }
}
