// The region imports what is selected, as in seed 001, from a site on loopback: by the API, with its progress, stopped, killed,
// deleted and fetched again; what was imported can be deployed, and the log and the page show it. A real daemon, by any user.
// @host waits, 40 s
// @long more

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { sleep } from '../../src/ground/clock.ts';
import { blobPath, readImages } from '../../src/images/store/image-store.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { ImageSite } from '../support/image-site.ts';
import { describeUploads } from '../support/image-uploads.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const MIB = 1024 * 1024;
const PLACE = labPlace(79);
const API = '/MAAS/api/2.0/';
const KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 1),
]).toString('base64')}`;

interface Resource {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly architecture: string;
  readonly complete: boolean;
  readonly progress: number;
  readonly import: {
    readonly state: string;
    readonly bytes: number;
    readonly total: number;
    readonly bytes_per_second: number | null;
    readonly reason: string | null;
  } | null;
  readonly sets?: Readonly<Record<string, { readonly complete: boolean; readonly files: object }>>;
}

describe('the region imports images', { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-region-import-'));
  const site = new ImageSite(join(scratch, 'site'));
  // A machine that reads slowly must not have read all of it when it was imported three times.
  const noble = makeSystemDisk((HAS_MANY_ROUNDS ? 24 : 12) * MIB, 3);
  const jammy = makeSystemDisk(8 * MIB, 4);
  const bionic = makeSystemDisk(8 * MIB, 5);
  const rack = new RunningRack(PLACE);
  let url = '';

  before(async () => {
    site.write([
      { release: 'noble', serial: '20261015', content: noble },
      { release: 'jammy', serial: '20260901', content: jammy },
      { release: 'bionic', serial: '20260801', content: bionic },
    ]);
    url = await site.open();
    writeFileSync(join(scratch, 'keys.gpg'), site.keyring);
    await rack.startWhole();
  });
  after(async () => {
    await rack.remove();
    site.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  const ask = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, fields: Record<string, string> = {}) =>
    askDaemon(
      rack.stateDir,
      `${API}${path}`,
      method,
      method === 'GET' ? undefined : new URLSearchParams(fields).toString(),
    );
  const resources = async (): Promise<readonly Resource[]> =>
    (await ask('GET', 'boot-resources/')) as readonly Resource[];
  const resource = async (name: string): Promise<Resource | undefined> =>
    (await resources()).find((one) => one.name === name);
  const isIn = (name: string, state: string): Promise<Resource> =>
    eventually(`${name} is ${state}`, async () => {
      const found = await resource(name);
      return found?.import?.state === state ? found : undefined;
    });
  const isIdle = (): Promise<unknown> =>
    eventually('no import is under way', async () => (await ask('GET', 'boot-resources/?op=is_importing')) === false);
  const begin = (): Promise<unknown> => ask('POST', 'boot-resources/?op=import');
  let source = 0;

  test('a selected image is imported with its progress, and no other', async () => {
    const keys = Buffer.from(site.keyring).toString('base64');
    const added = (await ask('POST', 'boot-sources/', { url, keyring_data: keys })) as { readonly id: number };
    source = added.id;
    await ask('POST', `boot-sources/${source}/selections/`, { os: 'ubuntu', release: 'noble', arches: 'amd64' });
    site.pauseMs = 10;
    assert.equal(await begin(), 'Import of boot resources started');
    assert.equal(await ask('GET', 'boot-resources/?op=is_importing'), true);
    const seen = await eventually('it has a rate', async () => {
      const found = await resource('ubuntu/noble');
      return (found?.import?.bytes_per_second ?? 0) > 0 ? found : undefined;
    });
    assert.deepEqual([seen.type, seen.architecture, seen.complete], ['Synced', 'amd64/generic', false]);
    assert.deepEqual([seen.import?.total, seen.import?.state], [noble.length, 'downloading']);
    assert.ok(seen.progress < 100);
    site.pauseMs = 0;
    const done = await isIn('ubuntu/noble', 'done');
    assert.deepEqual([done.complete, done.progress], [true, 100]);
    assert.equal(await resource('ubuntu/jammy'), undefined);
    const whole = (await ask('GET', `boot-resources/${done.id}/`)) as Resource;
    assert.deepEqual(
      Object.entries(whole.sets ?? {}).map(([serial, { complete }]) => [serial, complete]),
      [['20261015', true]],
    );
    await isIdle();
    assert.equal(site.sent, noble.length);
  });

  test('a stopped import continues when it is resumed, or when an import is requested', async () => {
    await ask('POST', `boot-sources/${source}/selections/`, { os: 'ubuntu', release: 'jammy' });
    site.sent = 0;
    site.pauseMs = 20;
    await begin();
    const { id } = await isIn('ubuntu/jammy', 'downloading');
    const stop = (): Promise<unknown> => ask('POST', 'boot-resources/?op=stop_import');
    await stop();
    await isIn('ubuntu/jammy', 'cancelled');
    await isIdle();
    await ask('POST', `boot-resources/${id}/?op=resume`);
    await isIn('ubuntu/jammy', 'downloading');
    await stop();
    await isIn('ubuntu/jammy', 'cancelled');
    await isIdle();
    site.isSilent = true;
    await begin();
    await eventually('it is asked', async () => (await ask('GET', 'boot-resources/?op=is_importing')) === true);
    await stop();
    await isIdle();
    assert.equal((await resource('ubuntu/jammy'))?.id, id, 'no source has withdrawn it');
    site.isSilent = false;
    site.pauseMs = 0;
    await begin();
    await isIn('ubuntu/jammy', 'done');
    assert.ok(site.sent < jammy.length + 2 * 4 * MIB, `${site.sent} bytes were sent for ${jammy.length}`);
  });

  test('an image that is deleted under way, or after a stop, leaves no part of its file', async () => {
    const parts = (): readonly string[] => readdirSync(join(rack.tree, 'images', '.downloads'));
    await ask('DELETE', `boot-resources/${(await resource('ubuntu/jammy'))?.id}/`);
    // Long enough to be seen under way.
    site.pauseMs = 100;
    for (const isStopped of [false, true]) {
      await begin();
      await eventually('some of it is there', async () => {
        const found = (await resource('ubuntu/jammy'))?.import;
        return found?.state === 'downloading' && found.bytes > 0;
      });
      const { id } = (await resource('ubuntu/jammy')) ?? assert.fail();
      if (isStopped) {
        await ask('POST', 'boot-resources/?op=stop_import');
        await isIn('ubuntu/jammy', 'cancelled');
        await isIdle();
        assert.notDeepEqual(parts(), [], 'the part of a stopped image stays');
      }
      await ask('DELETE', `boot-resources/${id}/`);
      await eventually('its part is gone', () => parts().length === 0);
      await isIdle();
    }
    site.pauseMs = 0;
    await begin();
    await isIn('ubuntu/jammy', 'done');
    await isIdle();
  });

  test('an image that the site’s file selects is imported, and only the file changes its selection', async () => {
    const file = join(dirname(rack.configFile), 'image-sources.yaml');
    const written = `sources:
  - { name: site, title: Site, os: ubuntu, kind: simplestreams, url: "${url}", content_ids: ["com.example:download"],
      ftypes: [disk1.img], arches: { amd64: amd64 }, signed: { keyrings: ["${join(scratch, 'keys.gpg')}"] } }
selections: [{ source: site, os: ubuntu, release: bionic, arches: [amd64] }]
`;
    writeFileSync(file, written);
    site.sent = 0;
    await begin();
    await isIn('ubuntu/bionic', 'done');
    await isIdle();
    assert.equal(site.sent, bionic.length);
    const rackboot = (...words: readonly string[]) => rack.rackboot('images', 'selections', ...words);
    const { output } = await rackboot('list');
    const line = output.find((one) => one.includes('bionic')) ?? '';
    assert.match(line, /^– +site +ubuntu\/bionic +amd64 +\* +\* +image-sources\.yaml:4$/);
    assert.ok(
      output.some((one) => /ubuntu\/noble +amd64 +\* +\* +store$/.test(one)),
      output.join('\n'),
    );
    for (const words of [['remove'], ['set', '--arches', 'arm64']] as const) {
      const [command, ...more] = words;
      const refused = await rackboot(command, 'site', 'ubuntu/bionic', ...more);
      assert.notEqual(refused.code, 0);
      assert.match(refused.complaints.join(' '), /is read-only: it is written in \S+image-sources\.yaml, line 4\. /);
    }
    rmSync(file);
    const found = await resource('ubuntu/bionic');
    assert.equal(found?.complete, true, 'it stays when it is no longer selected');
    await ask('DELETE', `boot-resources/${found?.id}/`);
    await eventually('it is deleted', () => !readImages(rack.tree).images.some(({ release }) => release === 'bionic'));
  });

  test('as in seed 001: it is deleted, its selection is created again, and it is downloaded again', async () => {
    const found = await resource('ubuntu/noble');
    assert.ok(found);
    await ask('DELETE', `boot-resources/${found.id}/`);
    assert.equal(await resource('ubuntu/noble'), undefined);
    await eventually('its bytes are gone', () => {
      const names = readdirSync(join(rack.tree, 'images'), { recursive: true, encoding: 'utf8' });
      return (
        !names.some((name) => name.includes('noble')) && names.filter((name) => name.endsWith('.zst')).length === 1
      );
    });
    const path = `boot-sources/${source}/selections/`;
    const selections = (await ask('GET', path)) as readonly { readonly id: number; readonly release: string }[];
    const old = selections.find(({ release }) => release === 'noble');
    await ask('DELETE', `${path}${old?.id}/`);
    await ask('POST', path, { os: 'ubuntu', release: 'noble', arches: 'amd64', labels: '*' });
    site.sent = 0;
    await begin();
    await isIn('ubuntu/noble', 'done');
    await isIdle();
    assert.equal(site.sent, noble.length);
    assert.equal((await resource('ubuntu/noble'))?.complete, true);
  });

  test('an import that was cut short by the end of the daemon continues after the next start', async () => {
    const found = await resource('ubuntu/noble');
    await ask('DELETE', `boot-resources/${found?.id}/`);
    site.sent = 0;
    site.pauseMs = 10;
    await begin();
    await eventually('some of it is there', () => site.sent > 8 * MIB);
    await rack.kill();
    site.pauseMs = 0;
    await rack.startWhole();
    await isIn('ubuntu/noble', 'done');
    assert.ok(site.sent <= noble.length + 4 * MIB, `${site.sent} bytes were sent for ${noble.length}`);
  });

  if (HAS_MANY_ROUNDS) {
    test('an import keeps to region.import_limit', async () => {
      const limit = async (...words: readonly string[]): Promise<void> => {
        await rack.well('config', ...words);
      };
      await limit('set', 'region.import_limit', '4');
      await ask('DELETE', `boot-resources/${(await resource('ubuntu/noble'))?.id}/`);
      const began = process.uptime();
      await begin();
      await isIn('ubuntu/noble', 'done');
      const seconds = process.uptime() - began;
      await limit('unset', 'region.import_limit');
      const least = noble.length / (4 * MIB);
      assert.ok(seconds >= 0.8 * least, `${seconds} s for what takes ${least} s at least`);
      await isIdle();
    });
  }

  if (HAS_MANY_ROUNDS)
    test('the command line adds, changes and removes sources and selections', async () => {
      const fine = async (...words: readonly string[]): Promise<string> => {
        const output = await rack.well('images', ...words);
        return output;
      };
      const keys = join(scratch, 'keys.gpg');
      const added = await fine('sources', 'add', 'http://other.example/', '--keys', keys);
      const id = /^Source (\d+) is http:\/\/other\.example\//.exec(added)?.[1] ?? assert.fail(added);
      await fine(
        'selections',
        'add',
        'http://other.example/',
        'ubuntu/noble',
        '--arches',
        'amd64',
        '--labels',
        'daily',
      );
      await fine('selections', 'set', id, 'ubuntu/noble', '--arches', '*', '--labels', 'release');
      assert.match(
        await fine('selections', 'list', id),
        /^\d+ +http:\/\/other\.example\/ +ubuntu\/noble +\* +\* +release +store$/m,
      );
      await fine('sources', 'set', id, '--keyring', keys);
      const changed = (await ask('GET', `boot-sources/${id}/`)) as Record<string, unknown>;
      assert.deepEqual([changed.keyring_filename, changed.keyring_data], [keys, '']);
      await fine('selections', 'remove', id, 'ubuntu/noble');
      assert.deepEqual(await ask('GET', `boot-sources/${id}/selections/`), []);
      await fine('sources', 'remove', 'http://other.example/');
      assert.ok(!(await fine('sources', 'list')).includes('other.example'));
    });

  test('an imported image can be deployed', async () => {
    const machine = (await ask('POST', 'machines/', {
      architecture: 'amd64/generic',
      mac_addresses: '52:54:00:61:00:01',
      power_type: 'manual',
      commission: 'false',
    })) as { readonly system_id: string };
    const store = openRegionStore({ stateDir: rack.stateDir });
    await store.changeMachine(machine.system_id, 1, () => ({
      kind: 'change',
      fields: { status: 'ready' },
      events: [],
    }));
    await store.close();
    await ask('POST', 'account/prefs/sshkeys/', { key: KEY });
    const path = `machines/${machine.system_id}/?op=deploy`;
    await assert.rejects(ask('POST', path, { osystem: 'ubuntu', distro_series: 'focal' }), /ubuntu\/focal/);
    const deploying = (await ask('POST', path, { osystem: 'ubuntu', distro_series: 'noble' })) as Record<
      string,
      unknown
    >;
    assert.deepEqual(
      [deploying.status_name, deploying.osystem, deploying.distro_series],
      ['Deploying', 'ubuntu', 'noble'],
    );
    const contents = (): readonly string[] =>
      readdirSync(join(rack.tree, 'images'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.zst'),
      );
    const before = contents();
    await ask('DELETE', `boot-resources/${(await resource('ubuntu/noble'))?.id}/`);
    await eventually('it is deleted', () => {
      const names = readdirSync(join(rack.tree, 'images', '.manifests'));
      return !names.some((name) => name.includes('noble'));
    });
    await isIdle();
    assert.deepEqual(contents(), before, 'the machine that is being deployed still reads its bytes');
  });

  if (HAS_MANY_ROUNDS) {
    test('while a machine reads an image, it is deleted, checked and imported again: the machine gets its bytes', async () => {
      await begin();
      await isIn('ubuntu/noble', 'done');
      const image = readImages(rack.tree).images.find(({ release }) => release === 'noble') ?? assert.fail();
      const path = blobPath(image.sha256, image.format);
      let isOver = false;
      const machine = readSlowly(`http://${PLACE.octets}.1:${PLACE.httpPort}/${path}`, () => isOver);
      const changing = async (): Promise<void> => {
        for (let count = 0; count < 3; count += 1) {
          await ask('DELETE', `boot-resources/${(await resource('ubuntu/noble'))?.id}/`);
          const check = rack.rackboot('images', 'fsck');
          await begin();
          await isIn('ubuntu/noble', 'done');
          assert.equal((await check).code, 0, (await check).complaints.join('\n'));
        }
        await isIdle();
        await ask('DELETE', `boot-resources/${(await resource('ubuntu/noble'))?.id}/`);
      };
      machine.catch(() => undefined);
      await changing().finally(() => {
        isOver = true;
      });
      assert.equal(await machine, image.sha256);
    });
  }
});

// After the rack of the tests above has ended.
describeUploads(PLACE);

/** Reads a file at a machine's pace until `isHurrying`, then the rest of it. @returns its SHA-256 */
async function readSlowly(url: string, isHurrying: () => boolean): Promise<string> {
  const hash = createHash('sha256');
  const [answer] = (await once(get(url), 'response')) as [IncomingMessage];
  assert.equal(answer.statusCode, 200);
  for await (const piece of answer) {
    hash.update(piece);
    if (!isHurrying()) await sleep(1000);
  }
  assert.ok(isHurrying(), 'the machine had read everything before');
  return hash.digest('hex');
}
