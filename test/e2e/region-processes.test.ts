// Two processes of one region, on one PostgreSQL: either answers every request, one has the duties, and either may die. A database that
// hangs, and one whose standby is missing, are in the long suite.
// @host waits, 100 s

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { sleep } from '../../src/ground/clock.ts';
import { readImages } from '../../src/images/store/image-store.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { STEP_MS_MAX } from '../../src/power/driver.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { machineShape, RegionPair, succeeds } from '../support/region-pair.ts';
import { askRegion, REGION_SERVICE } from '../support/region-process.ts';
import { remoteRack } from '../support/remote-rack.ts';
import { eventually, type RunningRack } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';
import { type PowerSocket, WebhookPower } from '../support/webhook-power.ts';

const MIB = 1024 * 1024;
const file = z.object({ complete: z.boolean(), upload_uri: z.string().optional(), sha256: z.string() });
const resource = z.object({
  id: z.number(),
  name: z.string(),
  complete: z.boolean(),
  progress: z.number(),
  sets: z.record(z.string(), z.object({ complete: z.boolean(), files: z.record(z.string(), file) })).optional(),
});
type PairResource = z.infer<typeof resource>;

/** Uploads a disk image to a process. @param seed of its content */
async function uploadDisk(place: LabPlace, key: string, name: string, seed: number): Promise<void> {
  const disk = makeSystemDisk(2 * MIB, seed);
  const sha256 = createHash('sha256').update(disk).digest('hex');
  const wish = { name, architecture: 'amd64/generic', filetype: 'ddraw', sha256, size: String(disk.length) };
  const { sets = {} } = resource.parse(await askRegion(place, key, 'boot-resources/', wish));
  const uris = Object.values(sets).flatMap(({ files }) => Object.values(files).flatMap((one) => one.upload_uri ?? []));
  const answer = await fetch(`http://127.0.0.1:${place.regionPort}${uris[0]}`, {
    method: 'PUT',
    headers: { Authorization: authorizationOf(key), 'Content-Type': 'application/octet-stream' },
    body: new Uint8Array(disk),
  });
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
}

/** All resources, by name. */
const listedImages = async (place: LabPlace, key: string): Promise<readonly PairResource[]> =>
  z.array(resource).parse(await askRegion(place, key, 'boot-resources/'));

/** One resource with its sets. */
const findImage = async (place: LabPlace, key: string, id: number): Promise<PairResource> =>
  resource.parse(await askRegion(place, key, `boot-resources/${id}/`));

/** Deletes a resource. @returns the status of the answer */
async function deleteImage(place: LabPlace, key: string, id: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${place.regionPort}/MAAS/api/2.0/boot-resources/${id}/`, {
    method: 'DELETE',
    headers: { Authorization: authorizationOf(key) },
  });
  return answer.status;
}

/** The manifests in the store of a process's host. */
function manifestsOf({ stateDir }: RunningRack): readonly string[] {
  const manifests = join(stateDir, 'boot', 'images', '.manifests');
  return existsSync(manifests) ? readdirSync(manifests) : [];
}

const PLACES = [labPlace(55), labPlace(56)] as const;
const RACK = labPlace(57);
const URLS = PLACES.map(({ regionPort }) => `http://127.0.0.1:${regionPort}/MAAS`);
const MAC = '52:54:00:00:55:01';
/** The simulated machine that boots from the rack. */
const BOOTED = 1570;
/** A process that dies loses its duties within this, in milliseconds. */
const TAKEN_MS_MAX = 20_000;
/** A rack learns of a change by another process within this, counted from before the change is asked for, in milliseconds. */
const LEARNT_MS_MAX = 1000;
/** How often a process looks at the images of the others, and how long it may take on a busy host, in milliseconds. */
const LOOK_MS = 2000;
const LOOK_MS_MAX = 20_000;

describe('two processes of one region', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let pair: RegionPair;
  let power: WebhookPower;
  let socket: PowerSocket;
  // A copy on the rack would keep an image listed after its deletion.
  const rack = remoteRack(RACK, 'far', `url: ${JSON.stringify(URLS)}`, (text) =>
    text.replace(/^boot: \{/m, 'boot: { copy_images: false,'),
  );

  /** Gives a power command, once the record says how the one before ended. */
  const command = (which: 0 | 1, what: 'on' | 'off', limitMs = TAKEN_MS_MAX) =>
    eventually(
      `it takes the command ${what}`,
      () => succeeds(() => pair.ask(which, `machines/${pair.systemId}/?op=power_${what}`, {})),
      limitMs,
    );

  before(async () => {
    pair = await RegionPair.start(PLACES);
    power = await WebhookPower.start();
    socket = power.add('one');
  });
  after(async () => {
    await rack.remove();
    power?.close();
    await pair?.close();
  });

  test('each of them shows a change by the other at once', async () => {
    await pair.addMachine('calm-ibis', MAC);
    assert.equal((await pair.read(1)).hostname, 'calm-ibis');
    await pair.ask(1, `machines/${pair.systemId}/`, { hostname: 'keen-owl' }, 'PUT');
    assert.equal((await pair.read(0)).hostname, 'keen-owl');
    assert.deepEqual(await pair.events(0), await pair.events(1));
  });

  test('a rack linked to one learns of a change by the other within a second', async () => {
    await rack.start();
    await rack.reported('region.pending');
    assert.equal((await pair.run('racks', 'accept', 'far')).code, 0);
    await eventually('the rack knows the machine', async () => (await rack.status()).machinesKnown === 1);
    const learnt: number[] = [];
    for (const hostname of ['one-owl', 'two-owls', 'three-owls', 'four-owls', 'five-owls']) {
      const before = (await rack.status()).region?.desiredVersion ?? 0;
      const askedAt = Date.now();
      await pair.ask(1, `machines/${pair.systemId}/`, { hostname }, 'PUT');
      const changedAt = Date.now();
      const since = await eventually('the rack has the change', async () => {
        const { region } = await rack.status();
        return (region?.desiredVersion ?? 0) > before && region?.desiredSince;
      });
      // By the rack's own clock, so that asking it does not count.
      assert.ok(since >= askedAt, `${hostname} is learnt ${askedAt - since} ms before it is asked for`);
      learnt.push(since - changedAt);
    }
    const [, , median = LEARNT_MS_MAX] = learnt.toSorted((one, other) => one - other);
    assert.ok(median < LEARNT_MS_MAX, `${learnt.join(', ')} ms`);
    assert.deepEqual((await rack.status()).region?.addresses, [URLS[0]]);
  });

  test('both list the images of both hosts, and either deletes an image of any host', async () => {
    const names = ['custom/here', 'custom/there'];
    const listed = (place: LabPlace) =>
      eventually(
        'both are listed',
        async () => {
          const images = await listedImages(place, pair.key);
          return images.length === 2 && images.every(({ complete }) => complete) && images;
        },
        LOOK_MS_MAX,
      );
    await uploadDisk(PLACES[0], pair.key, 'custom/here', 1);
    await uploadDisk(PLACES[1], pair.key, 'custom/there', 2);
    const [one, two] = [await listed(PLACES[0]), await listed(PLACES[1])];
    assert.deepEqual(one, two);
    assert.deepEqual(
      one.map(({ name, progress }) => [name, progress]),
      names.map((name) => [name, 100]),
    );
    for (const { id } of one) {
      const [here, there] = await Promise.all(PLACES.map((place) => findImage(place, pair.key, id)));
      assert.deepEqual(here, there);
      assert.equal(Object.values(here?.sets ?? {})[0]?.complete, true);
    }
    // Each is asked to delete the image of the other.
    for (const [which, name] of [
      [1, 'custom/here'],
      [0, 'custom/there'],
    ] as const) {
      const { id } = one.find((image) => image.name === name) ?? assert.fail();
      assert.equal(await deleteImage(PLACES[which], pair.key, id), 204);
      for (const place of PLACES)
        assert.ok((await listedImages(place, pair.key)).every((image) => image.name !== name));
    }
    await eventually('both are deleted', () => [pair.one, pair.two].flatMap(manifestsOf).length === 0, LOOK_MS_MAX);
    await sleep(2 * LOOK_MS);
    for (const place of PLACES) assert.deepEqual(await listedImages(place, pair.key), []);
  });

  test('an image that is uploaded again, to the other process, is the newer version at both', async () => {
    await uploadDisk(PLACES[0], pair.key, 'custom/twice', 4);
    await uploadDisk(PLACES[1], pair.key, 'custom/twice', 5);
    const [{ id } = assert.fail()] = await listedImages(PLACES[0], pair.key);
    const [one, two] = await Promise.all(PLACES.map((place) => findImage(place, pair.key, id)));
    assert.deepEqual(one, two);
    const [first = '', second = ''] = Object.keys(one?.sets ?? {}).toSorted();
    assert.equal(second, `${first}.1`);
    assert.deepEqual(
      readImages(join(pair.two.stateDir, 'boot')).images.map(({ serial }) => serial),
      [second],
    );
    assert.equal(await deleteImage(PLACES[0], pair.key, id), 204);
    // The same bytes come back at once: they are refused while the old ones go, and then stay.
    await eventually(
      'the image is taken again',
      () => succeeds(() => uploadDisk(PLACES[1], pair.key, 'custom/twice', 5)),
      LOOK_MS_MAX,
    );
    await sleep(2 * LOOK_MS);
    assert.equal(manifestsOf(pair.two).length, 1);
    const [again] = await listedImages(PLACES[0], pair.key);
    assert.equal(await deleteImage(PLACES[0], pair.key, again?.id ?? 0), 204);
    await eventually('it is deleted', () => [pair.one, pair.two].flatMap(manifestsOf).length === 0, LOOK_MS_MAX);
  });

  test('the commands on the host of one list the image of the other, and delete it', async () => {
    await uploadDisk(PLACES[1], pair.key, 'custom/far', 6);
    const { output } = await eventually(
      'it is listed',
      async () => {
        const ended = await pair.run('images', 'list');
        return ended.output.join('\n').includes('custom/far/amd64/generic/uploaded/') && ended;
      },
      LOOK_MS_MAX,
    );
    assert.match(output.join('\n'), new RegExp(` ${hostname()} +none$`, 'm'));
    const { code, complaints, output: said } = await pair.run('images', 'remove', 'custom/far');
    assert.equal(code, 0, complaints.join('\n'));
    assert.match(
      said.join('\n'),
      /^Deleted custom\/far\/amd64\/generic\/uploaded, 1 version\nEvery host of the region/,
    );
    await eventually('it is deleted', () => manifestsOf(pair.two).length === 0, LOOK_MS_MAX);
  });

  test('a process whose images cannot be read says so, and continues', async () => {
    const manifests = join(pair.one.stateDir, 'boot', 'images', '.manifests');
    renameSync(manifests, `${manifests}-kept`);
    writeFileSync(manifests, 'no directory');
    await sleep(2 * LOOK_MS);
    await assert.rejects(listedImages(PLACES[0], pair.key), /503 The images of this host cannot be listed/);
    assert.deepEqual(await listedImages(PLACES[1], pair.key), []);
    rmSync(manifests);
    renameSync(`${manifests}-kept`, manifests);
    assert.deepEqual(await listedImages(PLACES[0], pair.key), []);
  });

  test('a power command given to either is carried out once; if the process on duty dies, the other carries it out', async () => {
    const parameters = JSON.stringify(power.powerParameters('one'));
    await pair.ask(1, `machines/${pair.systemId}/`, { power_type: 'webhook', power_parameters: parameters }, 'PUT');
    await command(0, 'on');
    await socket.became('on', TAKEN_MS_MAX);
    await command(1, 'off');
    await socket.became('off', TAKEN_MS_MAX);
    assert.deepEqual(socket.asked, ['on', 'off']);
    const holders = await pair.server.query('SELECT holder FROM duty', 'region');
    assert.equal(holders.length, 1);
    await uploadDisk(PLACES[0], pair.key, 'custom/left', 3);
    // The command is under way when its process dies.
    socket.isSilent = true;
    await command(1, 'on');
    await eventually('it is asked', () => socket.count('on') === 2, TAKEN_MS_MAX);
    await pair.one.kill();
    socket.speak();
    const [holder] = holders.map((row) => row.holder);
    await eventually(
      'the other has the duties',
      async () => (await pair.server.query('SELECT holder FROM duty', 'region'))[0]?.holder !== holder,
      TAKEN_MS_MAX,
    );
    // A late step of the process that died could follow a command that is given at once.
    await command(1, 'off', TAKEN_MS_MAX + STEP_MS_MAX);
    await eventually('it is off', () => socket.count('off') === 2, TAKEN_MS_MAX);
    await sleep(3000);
    assert.deepEqual(socket.asked, ['on', 'off', 'on', 'off']);
  });

  test('its rack continues with the process that is left, by which a machine that boots is enlisted', async () => {
    await pair.ask(1, `machines/${pair.systemId}/`, { hostname: 'alone-owl' }, 'PUT');
    await eventually('it is linked to the other', async () => {
      const { region } = await rack.status();
      return region?.state === 'up' && region.addresses[0] === URLS[1];
    });
    assert.equal((await bootSimulatedMachine(RACK, BOOTED, () => undefined)).kind, 'enlisted');
    assert.equal(z.array(machineShape).parse(await pair.ask(1, 'machines/')).length, 2);
    await eventually('it has reported everything', async () => (await rack.status()).region?.eventsWaiting === 0);
  });

  test('an image of the process that died is deleted when that process comes back', async () => {
    const [image] = await listedImages(PLACES[1], pair.key);
    assert.deepEqual([image?.name, image?.complete], ['custom/left', true]);
    assert.equal(await deleteImage(PLACES[1], pair.key, image?.id ?? 0), 204);
    await eventually(
      'it is forgotten',
      async () => (await listedImages(PLACES[1], pair.key)).length === 0,
      LOOK_MS_MAX,
    );
    assert.equal(manifestsOf(pair.one).length, 1);
    await pair.one.start({ command: REGION_SERVICE });
    await eventually('it is deleted', () => manifestsOf(pair.one).length === 0, LOOK_MS_MAX);
    for (const place of PLACES) assert.deepEqual(await listedImages(place, pair.key), []);
  });

  test('the process that died and came back gives the same answers as the other', async () => {
    assert.equal((await pair.read(0)).hostname, (await pair.read(1)).hostname);
    assert.deepEqual(await pair.events(0), await pair.events(1));
  });

  test('while the database is away both answer 503 with Retry-After, and then continue', async () => {
    await pair.server.end('SIGINT');
    for (const which of [0, 1] as const) {
      const { status, notReady } = await eventually('it is not ready', async () => {
        const answer = await pair.readiness(which);
        return !answer.ready && answer;
      });
      assert.equal(status, 503);
      assert.match(
        notReady[0]?.reason ?? '',
        /^the region's database cannot be used now: (?:see whether|the database is stopping)/,
      );
    }
    for (const place of PLACES) {
      const answer = await fetch(`http://127.0.0.1:${place.regionPort}/MAAS/`);
      assert.equal(answer.status, 503);
      assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
    }
    await pair.server.run();
    for (const which of [0, 1] as const) {
      await eventually('it answers again', () => succeeds(() => pair.read(which)), TAKEN_MS_MAX);
    }
    await pair.areReady();
    await pair.ask(0, `machines/${pair.systemId}/`, { hostname: 'last-owl' }, 'PUT');
    assert.equal((await pair.read(1)).hostname, 'last-owl');
  });
});
