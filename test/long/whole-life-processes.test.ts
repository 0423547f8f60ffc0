// The whole life of a machine whose region is two processes on one PostgreSQL. One is killed while the machine deploys: the one with the
// duties, to which the rack is linked. The database restarts while the machine is released. Every step happens once, and is told once.
// @host alone

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import type { LabNamespace } from '../../src/lab/namespace.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { type CachedImage, cachedDebianImage, DEBIAN_IMAGE_NEEDS } from '../support/debian-image.ts';
import { missing } from '../support/needs.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { AGAIN_SECONDS_MAX } from '../support/powered-machine.ts';
import { REGION_SERVICE, regionProcess } from '../support/region-process.ts';
import { eventually, type RunningRack } from '../support/running-rack.ts';
import {
  BIOS_LIFE,
  DEPLOYED_STORY,
  LIFE_NEEDS,
  LifeRig,
  RELEASED_STORY,
  type RegionApart,
  START,
} from '../support/whole-life.ts';

const DATABASE = 'region';
/** The duties of a process that died are taken within this, in milliseconds. */
const TAKEN_MS_MAX = 60_000;
/** A process that has lost its duties while the database was away ends within this, in milliseconds. */
const LOST_MS = 3000;

class LifeRegion implements RegionApart {
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
      wrapper: ['ip', 'netns', 'exec', this.#namespace.name],
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

const PLACES = [labPlace(99), labPlace(90)] as const;
const STEP_MS_MAX = 480_000;
const PREPARATION_MS_MAX = 900_000;
const LOGIN_MS_MAX = 300_000;
const REPORTED_MS_MAX = 120_000;
/** How long the database is away: the machine's last words of its release fall into this time. */
const AWAY_MS = 4000;
const STATES: readonly string[] = [
  'New',
  'Commissioning',
  'Ready',
  'Allocated',
  'Deploying',
  'Deployed',
  'Disk erasing',
  'Releasing',
  'Ready',
];
/** Its first start's last report. */
const OWN_WORD = /^installed: /;
const ONCE = [
  /^reported itself for the first time/,
  /^reported its hardware$/,
  /^all checks and scripts passed/,
  /^the disk is written: /,
  OWN_WORD,
  / erased \(/,
];
const USER_DATA = '#cloud-config\nwrite_files: [{ path: /etc/told, content: "by its owner" }]\n';

const SKIP = missing(...LIFE_NEEDS, '/usr/lib/postgresql', ...DEBIAN_IMAGE_NEEDS, ...bootTreeNeeds('amd64'));

describe('a machine’s whole life at a region of two processes', { skip: SKIP }, () => {
  let rig: LifeRig | undefined;
  let region: LifeRegion | undefined;
  let image: CachedImage | undefined;
  const life = (): LifeRig => rig ?? assert.fail('nothing is prepared');
  const apart = (): LifeRegion => region ?? assert.fail('nothing is prepared');

  /** Every step that happened once was reported once, and in its order. */
  function checkLog(events: Awaited<ReturnType<LifeRig['events']>>): void {
    const reported = events.map(({ description }) => description);
    const statuses = events.filter(({ type }) => type === 'Node changed status');
    assert.deepEqual(
      statuses.map(({ description }) => description),
      STATES.slice(1).map((to, index) => `From '${STATES[index]}' to '${to}'`),
    );
    const counted = ONCE.map((sentence) => [sentence, reported.filter((text) => sentence.test(text)).length]);
    assert.deepEqual(
      counted,
      ONCE.map((sentence) => [sentence, 1]),
    );
    const at = (sentence: RegExp): number => reported.findIndex((text) => sentence.test(text));
    assert.ok(at(OWN_WORD) < at(/^From 'Deploying' to 'Deployed'$/), 'it is Deployed by its own word');
    const count = (wanted: string): number => events.filter(({ type }) => type === wanted).length;
    assert.deepEqual([count('Node powered on'), count('Node powered off')], [3, 2]);
    const lines = events.map(({ type, description, time }) => `${time} ${type}: ${description}`);
    assert.deepEqual(
      lines.filter((line, index) => lines.indexOf(line) !== index),
      [],
      'no event is reported twice',
    );
  }

  before(
    async () => {
      image = await cachedDebianImage(undefined, 'amd64');
      rig = await LifeRig.create(BIOS_LIFE, `rb-apart-${process.pid}`, async (namespace) => {
        region = await LifeRegion.start(PLACES, namespace);
        return region;
      });
    },
    { timeout: PREPARATION_MS_MAX },
  );
  after(async () => {
    await rig?.remove();
    await region?.remove();
  });

  test('it enlists, is measured, is deployed and released, each once, though a process dies and the database restarts', async () => {
    life().power.ipmitool('chassis', 'power', 'on');
    const { hostname } = await life().reaches('New', STEP_MS_MAX);
    await life().off(STEP_MS_MAX);

    await life().rackboot('machines', 'accept', hostname);
    await life().reaches('Ready', STEP_MS_MAX);
    await life().off(STEP_MS_MAX);
    await sleep((AGAIN_SECONDS_MAX + 1) * 1000);

    const { path, os, release, architecture } = image ?? assert.fail();
    await life().rackbootOnRack('images', 'add', path, '--os', os, '--release', release, '--arch', architecture);
    const owner = life().makeKey('owner');
    await life().rackboot('sshkeys', 'add', `${owner}.pub`);
    const data = join(life().directory, 'user-data');
    writeFileSync(data, USER_DATA);
    const deploy = ['machines', 'deploy', hostname, `${os}/${release}`, '--user-data', data];
    // The region hears of the rack's image by its next heartbeat.
    await life().patiently('it is told to deploy', REPORTED_MS_MAX, () =>
      life()
        .rackboot(...deploy)
        .then(
          () => true,
          () => undefined,
        ),
    );
    await life().tells(/^writing /, STEP_MS_MAX);
    assert.equal(await life().linked(), apart().urls[0]);
    const killed = apart().current;
    await apart().killCurrent();
    const { fqdn } = await life().reaches('Deployed', STEP_MS_MAX);
    assert.equal(await life().linked(), apart().urls[1]);
    await life().patiently('its owner reads there what it was told', LOGIN_MS_MAX, () => {
      const { code, out } = life().ssh(owner, `debian@${fqdn}`, 'hostname; cat /etc/told');
      return Promise.resolve(code === 0 && out === `${hostname}\nby its owner` ? true : undefined);
    });
    await apart().run(killed);

    await life().rackboot('machines', 'release', hostname, '--erase', 'signatures');
    await life().tells(/^erasing /, STEP_MS_MAX);
    await apart().pauseDatabase(() => sleep(AWAY_MS));
    await life().reaches('Ready', STEP_MS_MAX);
    await life().off(STEP_MS_MAX);
    assert.deepEqual(life().power.changes, ['power 1', ...START, 'power 0', ...START, ...START, 'power 0']);
    const events = await life().events();
    const reported = events.map(({ description }) => description);
    await life().checkStory(reported, [...DEPLOYED_STORY, ...RELEASED_STORY]);
    checkLog(events);
  });
});
