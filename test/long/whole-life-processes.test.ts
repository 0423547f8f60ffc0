// The whole life of a machine whose region is two processes on one PostgreSQL. One is killed while the machine deploys: the one with the
// duties, to which the rack is linked. The database restarts while the machine is released. Every step happens once, and is told once.
// @host alone

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { type CachedImage, cachedDebianImage, DEBIAN_IMAGE_NEEDS } from '../support/debian-image.ts';
import { LifeRegion } from '../support/life-region.ts';
import { missing } from '../support/needs.ts';
import { AGAIN_SECONDS_MAX } from '../support/powered-machine.ts';
import { BIOS_LIFE, DEPLOYED_STORY, LIFE_NEEDS, LifeRig, RELEASED_STORY, START } from '../support/whole-life.ts';

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
  /^it reported itself for the first time/,
  /^it reported its hardware$/,
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
