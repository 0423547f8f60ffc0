// Sources of images and their selections over the API, as MAAS's clients see them; and the sources of files, which only the file changes.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFileSources } from '../../../src/config/image-sources.ts';
import { judgeKeyring } from '../../../src/images/sources/keyring.ts';
import { BootImages } from '../../../src/region/images/boot-images.ts';
import { SELECTIONS_MAX } from '../../../src/region/records/boot-store.ts';
import type { RegionOptions } from '../../../src/region/region.ts';
import { assertStatus } from '../../support/answered.ts';
import { PUBLIC_KEY, PUBLIC_KEY_BYTES } from '../../support/public-key.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { type Ask, type Method, withAskedApi } from '../asked-api.ts';
import type { RegionPlace } from '../place.ts';

const OWN_RACK = { uuid: '0f7d57ef-b0b1-4d4e-a8a5-3a5f6e0a2f11', name: 'rack-1', file: '/etc/x.yaml', values: {} };

const withApi = (work: (ask: Ask, place: RegionPlace) => Promise<void>, options: Partial<RegionOptions> = {}) =>
  withAskedApi(({ ask, place }) => work(ask, place), options, { ownRack: OWN_RACK });

const URL_1 = 'https://images.maas.io/ephemeral-v3/stable/';
const KEYRING = '/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg';

test('a source is created, listed, read, changed and removed, with MAAS’s fields in 2.0 and 1.0', () =>
  withApi(async (ask, { store }) => {
    const created = await assertStatus(
      ask('POST', '2.0/boot-sources/', { url: URL_1, keyring_filename: KEYRING }),
      200,
    );
    const { created: at, updated, ...shown } = created.json;
    assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
    assert.equal(updated, at);
    assert.deepEqual(shown, {
      id: 1,
      url: URL_1,
      keyring_filename: KEYRING,
      keyring_data: '',
      resource_uri: '/MAAS/api/2.0/boot-sources/1/',
    });
    const trust = { index: 'streams/v1/index.sjson', unsigned: false, why: null };
    const details = { name: URL_1, title: '', kind: 'simplestreams', ...trust, pinned_by: null };
    assert.deepEqual((await ask('GET', '2.0/boot-sources/1/?details=true')).json, { ...created.json, ...details });
    assert.deepEqual((await ask('GET', '2.0/boot-sources/')).json, [created.json]);
    assert.deepEqual((await ask('GET', '2.0/boot-sources/1/')).json, created.json);
    assert.equal((await ask('GET', '1.0/boot-sources/1/')).json.resource_uri, '/MAAS/api/1.0/boot-sources/1/');
    assert.equal((await ask('GET', '1.0/nodegroups/master/boot-sources/')).json[0].id, 1);
    await assertStatus(ask('GET', '1.0/nodegroups/none/boot-sources/'), 404);
    const changed = await ask('PUT', '2.0/boot-sources/1/', { keyring_data: PUBLIC_KEY });
    assert.deepEqual([changed.json.url, changed.json.keyring_filename], [URL_1, '']);
    assert.equal(Buffer.from(changed.json.keyring_data, 'base64').toString(), PUBLIC_KEY);
    assert.equal(
      (await ask('PUT', '1.0/nodegroups/master/boot-sources/1/', { url: 'http://x/' })).json.url,
      'http://x/',
    );
    await assertStatus(ask('DELETE', '2.0/boot-sources/1/'), 204);
    for (const method of ['GET', 'PUT', 'DELETE'] as const)
      assert.equal((await ask(method, '2.0/boot-sources/1/')).status, 404);
    assert.deepEqual(
      (await store.listEvents({ level: 'audit', limit: 4 })).map((event) => sentenceOf(event)),
      [
        'removed the image source http://x/',
        `changed the image source http://x/: url: ${URL_1} → http://x/`,
        `changed the image source ${URL_1}: keyring filename: ${KEYRING} → none; keyring: none → …`,
        `added the image source ${URL_1}`,
      ],
    );
  }));

test('a source that cannot be used is refused, and the answer names the field', () =>
  withApi(async (ask) => {
    const keys = { keyring_filename: KEYRING };
    for (const [fields, field] of [
      [{ keyring_filename: KEYRING }, 'url'],
      [{ url: 'images', ...keys }, 'url'],
      [{ url: 'ftp://x/', ...keys }, 'url'],
      [{ url: 'http://user:secret@x/', ...keys }, 'url'],
      [{ url: 'http://:secret@x/', ...keys }, 'url'],
      [{ url: 'http://x/?token=secret', ...keys }, 'url'],
      [{ url: 'http://x/?', ...keys }, 'url'],
      [{ url: 'http://x/#a', ...keys }, 'url'],
      [{ url: 'http://x/\u202e', ...keys }, 'url'],
      [{ url: 'http://x/' }, 'keyring_data'],
      [{ url: 'http://x/', keyring_filename: 'keys.gpg' }, 'keyring_filename'],
      [{ url: 'http://x/', ...keys, keyring_data: PUBLIC_KEY }, 'keyring_data'],
      [{ url: 'http://x/', keyring_data: 'no keys!' }, 'keyring_data'],
    ] as const) {
      const refused = await ask('POST', '2.0/boot-sources/', fields);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], JSON.stringify(fields));
    }
    await assertStatus(ask('POST', '2.0/boot-sources/', { url: 'http://x/', ...keys }), 200);
    const again = await ask('POST', '2.0/boot-sources/', { url: 'http://x/', ...keys });
    const remedy = 'change that one: `rackboot images sources set 1`.';
    assert.deepEqual(again.json, { url: [`Source 1 has the URL http://x/: ${remedy}`] });
  }));

test('data without keys, and a file that the host lacks, are refused when a source is added or changed', () =>
  withApi(
    async (ask) => {
      const url = 'http://x/';
      const none = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----';
      const many = Buffer.from(Array.from({ length: 6000 }, () => [0xb4, 0]).flat()).toString('base64');
      const missing = 'This host of the region has no file /none.gpg: install the package that has it, ';
      const cases = [
        [{ keyring_data: 'garbage' }, 'keyring_data', 'Give OpenPGP keys, as a file, '],
        [{ keyring_data: none }, 'keyring_data', 'Give OpenPGP keys, as a file, '],
        [{ keyring_data: many }, 'keyring_data', 'There are more keys and signatures than are read'],
        [{ keyring_filename: '/none.gpg' }, 'keyring_filename', missing],
      ] as const;
      const refuses = async (method: Method, path: string) => {
        for (const [keys, field, text] of cases) {
          const refused = await ask(method, path, { url, ...keys });
          assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], refused.text);
          assert.ok(refused.json[field][0].startsWith(text), refused.text);
        }
      };
      await refuses('POST', '2.0/boot-sources/');
      await assertStatus(ask('POST', '2.0/boot-sources/', { url, keyring_filename: KEYRING }), 200);
      await refuses('PUT', '2.0/boot-sources/1/');
      await assertStatus(ask('PUT', '2.0/boot-sources/1/', { url, keyring_data: PUBLIC_KEY }), 200);
    },
    { hasFile: async (path) => path === KEYRING, judgeKeyring: (keys) => judgeKeyring(keys, 0) },
  ));

test('a source is unsigned only by its settings, which the log names; keys make it signed again', () =>
  withApi(async (ask, { store, region }) => {
    const url = 'https://lab.example/images/';
    const given = { url, unsigned: 'true', why: 'a mirror in the lab' };
    for (const [fields, field] of [
      [{ url, unsigned: 'true' }, 'why'],
      [{ url, why: 'ours' }, 'why'],
      [{ ...given, keyring_filename: KEYRING }, 'unsigned'],
      [{ ...given, keyring_data: PUBLIC_KEY }, 'unsigned'],
      [{ ...given, url: 'http://lab.example/' }, 'url'],
      [{ ...given, unsigned: 'perhaps' }, 'unsigned'],
      [{ url, keyring_filename: KEYRING, why: 'ours' }, 'why'],
      [{ url, unsigned: 'false' }, 'keyring_data'],
    ] as const) {
      const refused = await ask('POST', '2.0/boot-sources/', fields);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], JSON.stringify(fields));
    }
    const shown = async () => {
      const { unsigned, why, index } = (await ask('GET', '2.0/boot-sources/1/?details=true')).json;
      return [unsigned, why, index];
    };
    await assertStatus(ask('POST', '2.0/boot-sources/', given), 200);
    assert.deepEqual(await shown(), [true, 'a mirror in the lab', 'streams/v1/index.json']);
    const [source] = await region.bootImages.listSources();
    assert.deepEqual(source?.images.trust, { kind: 'unsigned', why: 'a mirror in the lab' });
    await ask('PUT', '2.0/boot-sources/1/', { why: 'moved' });
    assert.deepEqual(await shown(), [true, 'moved', 'streams/v1/index.json']);
    await assertStatus(ask('PUT', '2.0/boot-sources/1/', { url: 'http://lab.example/' }), 400);
    await assertStatus(ask('PUT', '2.0/boot-sources/1/', { unsigned: 'false' }), 400);
    const signed = await ask('PUT', '2.0/boot-sources/1/', { keyring_filename: KEYRING });
    assert.equal(signed.json.keyring_filename, KEYRING);
    assert.deepEqual(await shown(), [false, null, 'streams/v1/index.sjson']);
    await ask('PUT', '2.0/boot-sources/1/', { unsigned: 'true', why: 'again' });
    assert.equal((await ask('GET', '2.0/boot-sources/1/')).json.keyring_filename, '');
    assert.deepEqual(
      (await store.listEvents({ level: 'audit', limit: 3 })).map((event) => sentenceOf(event)),
      [
        `changed the image source ${url}, trusted without a signature: again: keyring filename: ${KEYRING} → none`,
        `changed the image source ${url}: keyring filename: none → ${KEYRING}`,
        `changed the image source ${url}, trusted without a signature: moved`,
      ],
    );
  }));

test('a source names another index, by its path or, as in MAAS, by the URL itself', () =>
  withApi(async (ask, { region }) => {
    const keys = { keyring_filename: KEYRING };
    const placeOf = async (fields: object) => {
      const made = await assertStatus(ask('POST', '2.0/boot-sources/', { ...keys, ...fields }), 200);
      const found = await region.bootImages.findSource(made.json.id);
      assert.equal(found?.images.kind, 'simplestreams');
      const { url, index } = found.images;
      await ask('DELETE', `2.0/boot-sources/${made.json.id}/`);
      return [made.json.url, url, index];
    };
    const site = 'http://x/images/';
    for (const [given, index] of [
      [{ url: site }, 'streams/v1/index.sjson'],
      [{ url: site, index: '' }, 'streams/v1/index.sjson'],
      [{ url: site, index: 'other/index.json' }, 'other/index.json'],
      [{ url: `${site}streams/v1/index.json` }, 'streams/v1/index.json'],
      [{ url: `${site}streams/v1/com.example/index.sjson` }, 'streams/v1/com.example/index.sjson'],
      [{ url: `${site}index2.sjson` }, 'index2.sjson'],
    ] as const)
      assert.deepEqual(await placeOf(given), [given.url, site, index]);
    for (const fields of [
      { url: site, index: '../index.json' },
      { url: site, index: '/index.json' },
      { url: site, index: 'http://y/index.json' },
      { url: site, index: 'index.html' },
      { url: `${site}index.json`, index: 'other.json' },
    ]) {
      const refused = await ask('POST', '2.0/boot-sources/', { ...keys, ...fields });
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['index']], JSON.stringify(fields));
    }
    const { id } = (await ask('POST', '2.0/boot-sources/', { ...keys, url: site, index: 'other/index.json' })).json;
    await ask('PUT', `2.0/boot-sources/${id}/`, { url: `${site}streams/v1/index.json` });
    assert.equal(
      (await ask('GET', `2.0/boot-sources/${id}/?details=1`)).json.index,
      'streams/v1/index.json',
      'the new URL names it',
    );
  }));

test('keys with two copies of one key are taken: their signatures are checked before the transaction', () =>
  withApi(
    async (ask) => {
      const keyring_data = `${PUBLIC_KEY}\n${PUBLIC_KEY}`.trim();
      await assertStatus(ask('POST', '2.0/boot-sources/', { url: URL_1, keyring_data }), 200);
      const changed = await ask('PUT', '2.0/boot-sources/1/', { url: 'http://y/', keyring_data });
      assert.deepEqual([changed.status, changed.json.url], [200, 'http://y/']);
      const { status, json } = await ask('PUT', '2.0/boot-sources/1/', { url: 'x', keyring_data });
      assert.deepEqual([status, Object.keys(json)], [400, ['url']]);
    },
    { judgeKeyring: (keys) => judgeKeyring(keys, Date.now()) },
  ));

test('a keyring is uploaded as a file, as the maas command line does it', () =>
  withAskedApi(async ({ ask, send, place: { store } }) => {
    await assertStatus(ask('GET', '2.0/boot-sources/'), 200);
    const bytes = PUBLIC_KEY_BYTES;
    const part = (name: string, further: string, content: string) =>
      `--b\r\nContent-Disposition: form-data; name="${name}"${further}\r\nContent-Transfer-Encoding: base64\r\n\r\n${content}\r\n`;
    const body = `${part('url', '', Buffer.from('http://x/').toString('base64'))}${part('keyring_data', '; filename="keyring_data"', bytes.toString('base64'))}--b--\r\n`;
    const answer = await assertStatus(
      send('2.0/boot-sources/', body, { 'content-type': 'multipart/form-data; boundary=b' }),
      200,
    );
    assert.equal(answer.json.keyring_data, bytes.toString('base64'));
    assert.deepEqual(Buffer.from((await store.boot.listSources())[0]?.keyring ?? []), bytes);
  }));

test('selections are created as in seed 001 and 003; what is omitted means all', () =>
  withApi(async (ask) => {
    await ask('POST', '2.0/boot-sources/', { url: URL_1, keyring_filename: KEYRING });
    const path = '2.0/boot-sources/1/selections/';
    const bionic = await ask('POST', path, { os: 'ubuntu', release: 'bionic', arches: 'amd64', labels: '*' });
    assert.deepEqual(bionic.json, {
      os: 'ubuntu',
      release: 'bionic',
      arches: ['amd64'],
      subarches: ['*'],
      labels: ['*'],
      id: 1,
      boot_source_id: 1,
      resource_uri: '/MAAS/api/2.0/boot-sources/1/selections/1/',
    });
    const all = await ask('POST', '1.0/nodegroups/master/boot-sources/1/selections/', {});
    assert.deepEqual([all.json.os, all.json.release, all.json.arches], ['*', '*', ['*']]);
    assert.deepEqual(
      (await ask('GET', '1.0/boot-sources/1/selections/')).json.map(({ id }: { id: number }) => id),
      [1, 2],
    );
    const again = await ask('POST', path, { os: 'ubuntu', release: 'bionic' });
    assert.match(again.json.release[0], /^Selection 1 .*ubuntu\/bionic: .*`rackboot images selections set 1 1`\./);
    const changed = await ask('PUT', `${path}1/`, { arches: 'arm64,amd64', labels: '' });
    assert.deepEqual([changed.json.release, changed.json.arches], ['bionic', ['arm64', 'amd64']]);
    assert.deepEqual((await ask('GET', `${path}1/`)).json, changed.json);
    await assertStatus(ask('PUT', `${path}2/`, { os: 'ubuntu', release: 'bionic' }), 400);
    for (const fields of [{ os: 'Ubuntu' }, { release: '../x' }, { arches: 'amd64,a b' }, { labels: '<b>' }])
      assert.equal((await ask('POST', path, fields)).status, 400, JSON.stringify(fields));
    const loader = await ask('POST', path, { os: 'bootloader', release: 'uefi' });
    assert.deepEqual([loader.status, loader.json.os], [200, 'bootloader']);
    await assertStatus(ask('DELETE', `${path}${loader.json.id}/`), 204);
    await assertStatus(ask('DELETE', `${path}1/`), 204);
    await assertStatus(ask('GET', `${path}1/`), 404);
    await assertStatus(ask('GET', '2.0/boot-sources/9/selections/'), 404);
    for (let index = 1; index < SELECTIONS_MAX; index += 1) await ask('POST', path, { release: `r${index}` });
    assert.match((await ask('POST', path, { release: 'more' })).json.release[0], /at most 200 selections/);
  }));

test('only administrators read and change sources and selections', () =>
  withApi(async (ask) => {
    await ask('POST', '2.0/boot-sources/', { url: URL_1, keyring_filename: KEYRING });
    await ask('POST', '2.0/boot-sources/1/selections/', {});
    for (const [method, path] of [
      ['GET', '2.0/boot-sources/'],
      ['POST', '2.0/boot-sources/'],
      ['PUT', '2.0/boot-sources/1/'],
      ['DELETE', '1.0/boot-sources/1/'],
      ['GET', '2.0/boot-sources/1/selections/'],
      ['POST', '1.0/nodegroups/master/boot-sources/1/selections/'],
      ['PUT', '2.0/boot-sources/1/selections/1/'],
      ['DELETE', '2.0/boot-sources/1/selections/1/'],
    ] as const) {
      await assertStatus(ask(method, path, method === 'GET' ? undefined : {}, 'alice'), 403, `${method} ${path}`);
      await assertStatus(ask(method, path, method === 'GET' ? undefined : {}, 'nobody'), 401);
    }
  }));

test('a source of a file is shown with its file and key, refused to be changed, and has selections', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-sources-'));
  const file = join(directory, 'image-sources.yaml');
  const write = (text: string, at: number) => {
    writeFileSync(file, text);
    utimesSync(file, at, at);
  };
  const source = (name: string) => `  - { name: ${name}, title: T, os: ubuntu, kind: simplestreams,
      url: "http://${name}.example/", content_ids: [x], ftypes: [disk1.img], arches: { amd64: amd64 }, signed: { keyrings: [/k.gpg] } }\n`;
  write(`sources:\n${source('debian')}${source('mine')}`, 1);
  try {
    await withApi(
      async (ask) => {
        const own = await ask('POST', '2.0/boot-sources/', { url: URL_1, keyring_filename: KEYRING });
        const list = (await ask('GET', '2.0/boot-sources/?details=true')).json;
        assert.equal(own.json.id, list.length, 'the sources of files have the first ids');
        const facts = list.map((one: Record<string, unknown>) => [one.name, one.url, one.pinned_by]);
        assert.deepEqual(facts.slice(0, 2), [
          ['debian', 'http://debian.example/', { file, key: 'sources[0]', line: 2 }],
          ['mine', 'http://mine.example/', { file, key: 'sources[1]', line: 4 }],
        ]);
        const ids = list.map(({ id }: { id: number }) => id);
        assert.deepEqual(
          ids,
          ids.toSorted((a: number, b: number) => a - b),
        );
        const ubuntu = list.find(({ name }: { name: string }) => name === 'ubuntu');
        assert.match(ubuntu.pinned_by.file, /config\/image-sources\.yaml$/, 'the shipped ones are there, too');
        assert.equal(ubuntu.keyring_filename, KEYRING);
        const { id } = list[1];
        for (const method of ['PUT', 'DELETE'] as const) {
          const refused = await assertStatus(ask(method, `2.0/boot-sources/${id}/`, { url: 'http://other/' }), 409);
          const why = `it is written in ${file}, line 4. Change it in this file.`;
          assert.equal(refused.text, `The source mine is read-only: ${why}`);
        }
        const shipped = await ask('PUT', `2.0/boot-sources/${ubuntu.id}/`, { url: 'http://other/' });
        assert.match(shipped.text, / source of the same name in image-sources\.yaml, .*replaces/);
        const selected = await assertStatus(
          ask('POST', `2.0/boot-sources/${id}/selections/`, { os: 'ubuntu', release: 'noble' }),
          200,
        );
        write('sources: [{}]\n', 2);
        const names = async (): Promise<string> =>
          (await ask('GET', '2.0/boot-sources/?details=true')).json.map((one: { name: string }) => one.name).join(' ');
        assert.match(await names(), /\bmine\b/, 'while the file cannot be used, its last good version stays in force');
        write('sources: []\n', 3);
        assert.equal((await names()).includes('mine'), false);
        write(`sources:\n${source('mine')}`, 4);
        assert.match(await names(), /^mine ubuntu debian/);
        const kept = await ask('GET', `2.0/boot-sources/${id}/selections/`);
        assert.deepEqual(kept.json, [selected.json], 'a source that comes back has its id and selections');
      },
      { fileSources: openFileSources(join(directory, 'rackboot.yaml')) },
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the first source of a new region has the id 1, and takes the selections of seed 001 and 003 as the first request', async () => {
  for (const [version, release] of [
    ['2.0', 'bionic'],
    ['1.0', 'precise'],
  ] as const)
    await withApi(
      async (ask) => {
        const at = `${version}/boot-sources/1/`;
        const selection = { os: 'ubuntu', release, arches: 'amd64', labels: '*' };
        const made = await ask('POST', `${at}selections/`, selection);
        assert.deepEqual([made.status, made.json.id], [200, 1], made.text);
        assert.equal(made.json.resource_uri, `/MAAS/api/${at}selections/1/`);
        assert.deepEqual((await ask('GET', `${at}selections/`)).json, [made.json]);
        const [first] = (await ask('GET', `${version}/boot-sources/`)).json;
        assert.deepEqual((await ask('GET', at)).json, first);
        const { name, pinned_by: pin } = (await ask('GET', `${at}?details=true`)).json;
        assert.deepEqual([name, pin.key], ['ubuntu', 'sources[0]']);
      },
      { fileSources: openFileSources(undefined) },
    );
});

/** Runs with a site's file, which `write` replaces. */
async function withFile(work: (file: string, write: (text: string) => void, config: string) => Promise<void>) {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-sources-'));
  const file = join(directory, 'image-sources.yaml');
  let at = 0;
  const write = (text: string) => {
    writeFileSync(file, text);
    at += 1;
    utimesSync(file, at, at);
  };
  try {
    await work(file, write, join(directory, 'rackboot.yaml'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a selection of a system that its source cannot have is refused; every stream may have boot loaders', () =>
  withFile(async (_file, write, config) => {
    write('selections: []\n');
    await withApi(
      async (ask) => {
        const list = (await ask('GET', '2.0/boot-sources/?details=true')).json;
        const pathOf = (wanted: string) => {
          const { id } = list.find(({ name }: { name: string }) => name === wanted);
          return `2.0/boot-sources/${id}/selections/`;
        };
        const refused = await ask('POST', pathOf('debian'), { os: 'ubuntu', release: 'noble' });
        const why =
          'The source debian has only debian: give debian, or select from another source (boot-sources lists them).';
        assert.deepEqual([refused.status, refused.json], [400, { os: [why] }]);
        await assertStatus(ask('POST', pathOf('debian'), { os: 'bootloader' }), 400);
        await assertStatus(ask('POST', pathOf('debian'), {}), 200, 'all means all that it has');
        const debian = await ask('POST', pathOf('debian'), { os: 'debian', release: '12' });
        const path = `${pathOf('debian')}${debian.json.id}/`;
        await assertStatus(ask('PUT', path, { os: 'ubuntu' }), 400);
        await assertStatus(ask('PUT', path, { arches: 'amd64' }), 200);
        await assertStatus(ask('POST', pathOf('ubuntu'), { os: 'bootloader', release: 'uefi' }), 200);
      },
      { fileSources: openFileSources(config) },
    );
  }));

const NOBLE = 'selections: [{ source: ubuntu, os: ubuntu, release: noble, arches: [amd64] }]\n';

test('a selection of a file is shown with its file and key by both versions, and refused to be changed', () =>
  withFile(async (file, write, config) => {
    write(NOBLE);
    await withApi(
      async (ask, { store }) => {
        const [{ id: source }] = (await ask('GET', '2.0/boot-sources/')).json;
        const path = `boot-sources/${source}/selections/`;
        const [found] = (await ask('GET', `2.0/${path}`)).json;
        const { id } = found;
        assert.ok(id >= 2 ** 30 && id < 2 ** 31, String(id));
        assert.deepEqual(found, {
          os: 'ubuntu',
          release: 'noble',
          arches: ['amd64'],
          subarches: ['*'],
          labels: ['*'],
          id,
          boot_source_id: source,
          resource_uri: `/MAAS/api/2.0/${path}${id}/`,
        });
        const written = `it is written in ${file}, line 1. Change it in this file.`;
        for (const version of ['1.0', '2.0', '1.0/nodegroups/master']) {
          const one = `${version}/${path}${id}/`;
          const detailed = (await ask('GET', `${one}?details=true`)).json;
          assert.deepEqual(detailed.pinned_by, { file, key: 'selections[0]', line: 1 });
          assert.deepEqual((await ask('GET', `${version}/${path}?details=true`)).json, [detailed]);
          for (const method of ['PUT', 'DELETE'] as const) {
            const refused = await ask(method, one, { arches: 'arm64' });
            assert.deepEqual(
              [refused.status, refused.text],
              [409, `The selection ubuntu/noble is read-only: ${written}`],
            );
          }
          const again = await ask('POST', `${version}/${path}`, { os: 'ubuntu', release: 'noble' });
          assert.deepEqual([again.status, Object.keys(again.json)], [400, ['release']]);
          assert.match(again.json.release[0], /^ubuntu\/noble of this source is already selected: /);
        }
        const jammy = await ask('POST', `2.0/${path}`, { os: 'ubuntu', release: 'jammy' });
        assert.equal((await ask('GET', `2.0/${path}${jammy.json.id}/?details=true`)).json.pinned_by, null);
        await assertStatus(ask('PUT', `2.0/${path}${jammy.json.id}/`, { release: 'noble' }), 400);
        assert.deepEqual(
          (await store.boot.listSelections()).map(({ release }) => release),
          ['jammy'],
        );
        const events = (await store.listEvents({ level: 'audit', limit: 9 })).map((event) => sentenceOf(event));
        assert.deepEqual(
          events.filter((text) => text.includes('selection')),
          ['added the selection ubuntu/jammy of ubuntu'],
        );
        write(NOBLE.replace('amd64', 'arm64'));
        const changed = (await ask('GET', `2.0/${path}${id}/`)).json;
        assert.deepEqual(changed.arches, ['arm64'], 'it keeps its number when its lists change');
      },
      { fileSources: openFileSources(config) },
    );
  }));

test('a stored selection is hidden while a file has the same, but stays for the time after it and for other processes', () =>
  withFile(async (_file, write, config) => {
    await withApi(
      async (ask, { store, clock }) => {
        const [{ id: source }] = (await ask('GET', '2.0/boot-sources/')).json;
        const path = `2.0/boot-sources/${source}/selections/`;
        const noble = (await ask('POST', path, { os: 'ubuntu', release: 'noble' })).json;
        const jammy = (await ask('POST', path, { os: 'ubuntu', release: 'jammy' })).json;
        const listed = async (): Promise<readonly unknown[]> => (await ask('GET', path)).json;
        write(NOBLE);
        const [ofFile, ...others] = (await listed()) as readonly { readonly arches: readonly string[] }[];
        assert.deepEqual([ofFile?.arches, others], [['amd64'], [jammy]]);
        for (const method of ['GET', 'PUT', 'DELETE'] as const)
          assert.equal((await ask(method, `${path}${noble.id}/`)).status, 404, method);
        const fileSources = openFileSources(undefined);
        const other = new BootImages({ store, clock, fileSources });
        assert.deepEqual(
          (await other.listSelections()).map(({ id, definingFile: pin }) => [id, pin]),
          [
            [noble.id, undefined],
            [jammy.id, undefined],
          ],
        );
        assert.equal((await listed()).length, 2, 'each process shows its own file');
        write('selections: [{}]\n');
        assert.deepEqual(
          await listed(),
          [ofFile, jammy],
          'a file that cannot be used: its last selections stay in force',
        );
        write('selections: []\n');
        assert.deepEqual(await listed(), [noble, jammy]);
      },
      { fileSources: openFileSources(config) },
    );
  }));

test('the offers of a source are listed, and asked for again only on request', () => {
  let asked = 0;
  const image = {
    kind: 'image',
    os: 'ubuntu',
    release: 'noble',
    architecture: 'amd64',
    title: 'Ubuntu 24.04',
  } as const;
  const facts = { aliases: ['24.04'], day: '2026-10-15', bytes: undefined, supportEnds: '2029-05-31' };
  const askOffers = async () => {
    asked += 1;
    return { images: [{ ...image, ...facts }], problems: [] };
  };
  return withApi(
    async (ask) => {
      await assertStatus(ask('POST', '2.0/boot-sources/', { url: URL_1, keyring_filename: KEYRING }), 200);
      const answer = await assertStatus(ask('GET', '2.0/boot-sources/1/?op=offers'), 200);
      const shown = { date: '2026-10-15', size: null, support_ends: '2029-05-31', aliases: ['24.04'] };
      assert.deepEqual(answer.json.images, [{ ...image, ...shown }]);
      assert.match(answer.json.answered, /^\d{4}-/);
      await ask('GET', '2.0/boot-sources/1/?op=offers');
      assert.equal(asked, 1);
      await ask('GET', '2.0/boot-sources/1/?op=offers&again=true');
      assert.equal(asked, 2);
      await assertStatus(ask('GET', '2.0/boot-sources/2/?op=offers'), 404);
      await assertStatus(ask('GET', '2.0/boot-sources/1/?op=offers', undefined, 'alice'), 403);
    },
    { askOffers },
  );
});
