// The region imports what is selected, as in seed 001, from a site on loopback: by the API, with its progress, paused, cancelled, killed,
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
import { sleep } from '../../src/clock.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { blobPath, readImages } from '../../src/images/image-store.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { importText as importReasonText } from '../../src/region/records/import-reason.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { ImageSite } from '../support/image-site.ts';
import { describeUploads } from '../support/image-uploads.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

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

  test('a paused import continues when it is resumed, and a cancelled one when an import is requested', async () => {
    await ask('POST', `boot-sources/${source}/selections/`, { os: 'ubuntu', release: 'jammy' });
    site.sent = 0;
    site.pauseMs = 20;
    await begin();
    const { id } = await isIn('ubuntu/jammy', 'downloading');
    await ask('POST', `boot-resources/${id}/?op=pause`);
    await isIn('ubuntu/jammy', 'paused');
    await isIdle();
    await begin();
    await isIdle();
    assert.equal((await resource('ubuntu/jammy'))?.import?.state, 'paused', 'an import leaves what is paused');
    await ask('POST', `boot-resources/${id}/?op=resume`);
    await isIn('ubuntu/jammy', 'downloading');
    await ask('POST', `boot-resources/${id}/?op=cancel`);
    await isIn('ubuntu/jammy', 'cancelled');
    await isIdle();
    site.isSilent = true;
    await begin();
    await eventually('it is asked', async () => (await ask('GET', 'boot-resources/?op=is_importing')) === true);
    await ask('POST', 'boot-resources/?op=stop_import');
    await isIdle();
    assert.equal((await resource('ubuntu/jammy'))?.id, id, 'no source has withdrawn it');
    site.isSilent = false;
    site.pauseMs = 0;
    await begin();
    await isIn('ubuntu/jammy', 'done');
    assert.ok(site.sent < jammy.length + 2 * 4 * MIB, `${site.sent} bytes were sent for ${jammy.length}`);
  });

  test('an image that is deleted under way, or while it is paused, leaves no part of its file', async () => {
    const parts = (): readonly string[] => readdirSync(join(rack.tree, 'images', '.downloads'));
    await ask('DELETE', `boot-resources/${(await resource('ubuntu/jammy'))?.id}/`);
    // Long enough to be seen under way.
    site.pauseMs = 100;
    for (const pauses of [false, true]) {
      await begin();
      await eventually('some of it is there', async () => {
        const found = (await resource('ubuntu/jammy'))?.import;
        return found?.state === 'downloading' && found.bytes > 0;
      });
      const { id } = (await resource('ubuntu/jammy')) ?? assert.fail();
      if (pauses) {
        await ask('POST', `boot-resources/${id}/?op=pause`);
        await isIn('ubuntu/jammy', 'paused');
        await isIdle();
        assert.notDeepEqual(parts(), [], 'the part of a paused image stays');
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
    const rackboot = (...words: readonly string[]) =>
      runRackboot(['images', 'selections', ...words, '--config', rack.configFile]);
    writeFileSync(file, written.replace('bionic', '1'));
    const spoilt = await rackboot('list');
    assert.equal(spoilt.code, 1);
    assert.match(spoilt.complaints.join(' '), /line 4: selections\[0\]\.release: .* in quotes if it is a number/);
    assert.match(spoilt.output.join('\n'), /ubuntu\/bionic/, 'the last good version is in force');
    writeFileSync(file, written);
    const half = { name: 'ubuntu/half', architecture: 'amd64/generic', filetype: 'ddraw', size: '1000' };
    await ask('POST', 'boot-resources/', { ...half, sha256: '0'.repeat(64) });
    const now = await runRackboot(['images', 'import', '--config', rack.configFile]);
    assert.equal(now.code, 0, now.complaints.join('\n'));
    assert.doesNotMatch(now.output.join('\n'), /half/, 'an upload is not imported');
    await ask('DELETE', `boot-resources/${(await resource('ubuntu/half'))?.id}/`);
    assert.match(now.output.join('\n'), /^ubuntu\/bionic\/amd64\/generic: done/m);
    const mistyped = await rackboot('add', 'site', 'ubuntu/focal', '--arches', 'amd46');
    assert.match(mistyped.complaints.join(' '), /"amd46" is not an architecture; did you mean amd64\?/);
    const keyless = await runRackboot(['images', 'sources', 'add', 'http://y/', '--config', rack.configFile]);
    assert.match(keyless.complaints.join(' '), /add --keyring FILE, .* or --keys FILE/);
    const unkeyed = ['sources', 'add', 'http://y/', '--keyring', '/none.gpg', '--config', rack.configFile];
    assert.match((await runRackboot(['images', ...unkeyed])).complaints.join(' '), /there is no file \/none\.gpg/);
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
    test('each image left out has a reason, and the log names the imported ones', async () => {
      await ask('POST', `boot-sources/${source}/selections/`, { os: 'ubuntu', release: 'focal', arches: 'amd64' });
      await begin();
      await isIdle();
      const store = openRegionStore({ stateDir: rack.stateDir });
      try {
        const { skipped } = await store.boot.findRun();
        const reasons = new Map(skipped.map(({ name, reason }) => [name, importReasonText(reason)]));
        assert.match(
          reasons.get('ubuntu/focal') ?? '',
          / does not offer it for amd64: `sudo rackboot images available ubuntu --all`/,
        );
        const present = (await store.boot.listResources()).find(
          ({ name }) => name === 'ubuntu/noble/amd64/generic/release',
        );
        assert.deepEqual(present?.progress?.reason, { code: 'present', params: { serial: '20261015' } });
      } finally {
        await store.close();
      }
      const { events } = (await ask('GET', 'events/?op=query&level=INFO&limit=100')) as {
        readonly events: readonly { readonly type: string; readonly description: string }[];
      };
      const imported = events
        .filter(({ type }) => type === 'Region image import')
        .map(({ description }) => description);
      assert.ok(
        imported.some((text) => /imported ubuntu\/noble\/amd64\/generic\/release\/20261015 from http/i.test(text)),
        imported.join('\n'),
      );
      assert.ok(
        imported.some((text) => /^\d0 % of ubuntu\/noble\/\S+ \(24\.0 MiB\)$/.test(text)),
        imported.join('\n'),
      );
    });

    test('an import keeps to region.import_limit', async () => {
      const limit = async (...words: readonly string[]): Promise<void> => {
        const { code, complaints } = await runRackboot(['config', ...words, '--config', rack.configFile]);
        assert.equal(code, 0, complaints.join('\n'));
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

    test('a source that does not answer is a reason, and the others are imported', async () => {
      const other = (await ask('POST', 'boot-sources/', {
        url: 'http://127.0.0.1:9/',
        keyring_filename: join(scratch, 'keys.gpg'),
      })) as { readonly id: number };
      await ask('POST', `boot-sources/${other.id}/selections/`, {});
      await begin();
      await eventually('it is asked', async () => (await ask('GET', 'boot-resources/?op=is_importing')) === true);
      await ask('POST', 'boot-resources/?op=stop_import');
      await isIdle();
      await ask('DELETE', `boot-sources/${other.id}/`);
    });
  }

  if (HAS_MANY_ROUNDS) {
    test('the command line lists, adds and removes sources and selections', async () => {
      const rackboot = async (...words: readonly string[]) =>
        await runRackboot(['images', ...words, '--config', rack.configFile]);
      const fine = async (...words: readonly string[]): Promise<string> => {
        const { code, output, complaints } = await rackboot(...words);
        assert.equal(code, 0, complaints.join('\n'));
        return output.join('\n');
      };
      const shown = await fine('sources', 'list');
      assert.match(
        shown,
        /^1 +ubuntu +(?:\S+\.gpg|to be fetched: 1A5D6C4C7DB87C81) +shipped file\n {4}https:\/\/cloud-images\.ubuntu\.com\/releases\/$/m,
      );
      assert.ok(shown.includes(url));
      // The mirror is that of this host's apt, if it has one.
      assert.match(
        shown,
        /^\d+ +debian-installer .*\n {4}(?:http:\/\/ftp\.debian\.org\/debian\/|\S+ \(the package mirror of this host\))$/m,
      );
      const installer = await rackboot('selections', 'add', 'debian-installer', 'debian/trixie');
      assert.equal(installer.code, 0, installer.complaints.join('\n'));
      await fine('selections', 'remove', 'debian-installer', 'debian/trixie');
      const added = await fine('sources', 'add', 'http://other.example/', '--keys', join(scratch, 'keys.gpg'));
      const id = /^Source (\d+) is http:\/\/other\.example\//.exec(added)?.[1] ?? assert.fail(added);
      const wanted = ['--arches', 'amd64', '--arches', 'arm64', '--labels', 'daily'];
      await fine('selections', 'add', 'http://other.example/', 'ubuntu/noble', ...wanted);
      assert.match(
        await fine('selections', 'list', id),
        /^\d+ +http:\/\/other\.example\/ +ubuntu\/noble +amd64,arm64 +\* +daily +store$/m,
      );
      await fine('selections', 'set', id, 'ubuntu/noble', '--arches', '*', '--labels', 'release');
      assert.match(
        await fine('selections', 'list', id),
        /^\d+ +http:\/\/other\.example\/ +ubuntu\/noble +\* +\* +release +store$/m,
      );
      const where = join(scratch, 'keys.gpg');
      assert.match(
        await fine('sources', 'set', id, '--keyring', where),
        /^The source http:\/\/other\.example\/ is changed/,
      );
      const changed = (await ask('GET', `boot-sources/${id}/`)) as Record<string, unknown>;
      assert.deepEqual(
        [changed.url, changed.keyring_filename, changed.keyring_data],
        ['http://other.example/', where, ''],
      );
      assert.match((await rackboot('sources', 'set', id)).complaints.join(' '), /name a change/);
      await fine('selections', 'remove', id, 'ubuntu/noble');
      assert.deepEqual(await ask('GET', `boot-sources/${id}/selections/`), []);
      await fine('sources', 'remove', 'http://other.example/');
      assert.ok(!(await fine('sources', 'list')).includes('other.example'));
      const refused = await rackboot('sources', 'remove', 'ubuntu');
      assert.notEqual(refused.code, 0);
      assert.match(refused.complaints.join(' '), /it is written in \S+image-sources\.yaml, line \d+\. /);
      const unknown = await rackboot('selections', 'add', 'ubunto', 'ubuntu/noble');
      assert.match(unknown.complaints.join(' '), /there is no source "ubunto"; did you mean ubuntu\?/);
    });
  }

  test('an imported image can be deployed', async () => {
    const machine = (await ask('POST', 'machines/', {
      architecture: 'amd64/generic',
      mac_addresses: '52:54:00:61:00:01',
      power_type: 'manual',
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
          const check = runRackboot(['images', 'fsck', '--config', rack.configFile]);
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
