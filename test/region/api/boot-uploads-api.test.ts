// Uploads of images over the API, as the maas command line sends them: pieces to the upload_uri, or the whole content in one form.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { RackError } from '../../../src/ground/errors.ts';
import { readImages, type StoredImage } from '../../../src/images/store/image-store.ts';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { PIECE_BYTES_MAX, WHOLE_FILES_MAX } from '../../../src/region/images/uploads.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { UPLOAD_BYTES_MAX } from '../../../src/region/records/upload-store.ts';
import { ImageThread } from '../../../src/region-host/imports/image-thread.ts';
import { FINISHED_AT_ONCE_MAX, UploadWork } from '../../../src/region-host/uploads/upload-work.ts';
import { makeRootTar, makeSystemDisk } from '../../images/disks.ts';
import { assertStatus } from '../../support/answered.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { makeRegion, type RegionPlace } from '../place.ts';
import { assertAsStated } from './answer-check.ts';

const GONE_MS_MAX = 10_000;
const MIB = 1024 * 1024;
const DISK = makeSystemDisk(2 * MIB, 7);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly json: ReturnType<typeof JSON.parse>;
}

interface Client {
  readonly place: RegionPlace;
  readonly tree: string;
  readonly work: UploadWork;
  /** The texts of the reported failures. */
  readonly problems: readonly string[];
  readonly create: (fields: Readonly<Record<string, string>>, as?: 'admin' | 'user') => Promise<Answered>;
  readonly put: (uri: string, piece: Uint8Array, headers?: Readonly<Record<string, string>>) => Promise<Answered>;
  readonly form: (body: Uint8Array, as?: 'admin' | 'user', path?: string) => Promise<Answered>;
  readonly ask: (method: 'GET' | 'DELETE' | 'POST', path: string) => Promise<Answered>;
  readonly images: () => readonly StoredImage[];
}

/** @param store that of another region on the same tree */
async function withClient(
  work: (client: Client) => Promise<void>,
  shared: { readonly tree?: string; readonly store?: RegionStore } = {},
) {
  const tree = shared.tree ?? mkdtempSync(join(tmpdir(), 'rackboot-uploads-'));
  let files: UploadWork | undefined;
  const uploadFiles = () => {
    assert.ok(files !== undefined);
    return files;
  };
  const listImages = async () => readImages(tree).images;
  const place = await makeRegion({ imageTree: tree }, shared.store === undefined ? 1 : 2, shared.store, {
    uploadFiles,
    listImages,
  });
  const { region, store, clock } = place;
  const problems: string[] = [];
  files = new UploadWork({
    region,
    clock,
    images: new ImageThread(),
    tree: () => tree,
    onProblem: (reason) => void problems.push(reason),
  });
  try {
    if (shared.store === undefined) {
      await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
      await store.accounts.addUser({ username: 'user', email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
    }
    const keys = { admin: await createApiKey(store, clock, 'admin'), user: await createApiKey(store, clock, 'user') };
    const app = buildApp(makeContext(region));
    const send = async (
      method: 'GET' | 'POST' | 'PUT' | 'DELETE',
      url: string,
      as: 'admin' | 'user' = 'admin',
      headers: Readonly<Record<string, string>> = {},
      payload?: Buffer,
    ): Promise<Answered> => {
      const answer = await app.inject({
        method,
        url,
        remoteAddress: '10.20.0.50',
        headers: { authorization: authorizationOf(keys[as]), ...headers },
        ...(payload === undefined ? {} : { payload }),
      });
      assertAsStated({ method, url }, answer);
      const isJson = /json/.test(String(answer.headers['content-type']));
      return { status: answer.statusCode, text: answer.body, json: isJson ? JSON.parse(answer.body) : undefined };
    };
    const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
    await work({
      place,
      tree,
      work: files,
      problems,
      images: () => readImages(tree).images,
      create: (fields, as) =>
        send('POST', '/MAAS/api/2.0/boot-resources/', as, FORM, Buffer.from(new URLSearchParams(fields).toString())),
      put: (uri, piece, headers) =>
        send('PUT', uri, 'admin', { 'content-type': 'application/octet-stream', ...headers }, Buffer.from(piece)),
      form: (body, as, path = '1.0/boot-resources/') =>
        send(
          'POST',
          `/MAAS/api/${path}`,
          as,
          { 'content-type': 'multipart/form-data; boundary=b-1' },
          Buffer.from(body),
        ),
      ask: (method, path) => send(method, `/MAAS/api/2.0/${path}`),
    });
  } finally {
    await files.close();
    await place.remove();
    if (shared.tree === undefined) rmSync(tree, { recursive: true });
  }
}

const wish = (bytes: Uint8Array, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  name: 'site',
  title: 'The site',
  architecture: 'amd64/generic',
  filetype: 'ddraw',
  sha256: sha256(bytes),
  size: String(bytes.length),
  ...more,
});

interface Set {
  readonly complete: boolean;
  readonly progress: number;
  readonly files: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;
}

/** The file of the one version that is on its way, as the maas command line finds it. */
function comingFile({ json }: Answered): { readonly [key: string]: string | number | boolean } {
  const sets: readonly Set[] = Object.values(json.sets);
  const file = sets.flatMap(({ files }) => Object.values(files)).find(({ complete }) => complete === false);
  assert.ok(file !== undefined);
  return file;
}

const uriOf = (answer: Answered) => String(comingFile(answer).upload_uri);

const form = (parts: readonly (readonly [head: string, body: Uint8Array | string])[]): Buffer =>
  Buffer.concat([
    ...parts.flatMap(([head, body]) => [
      Buffer.from(`--b-1\r\n${head}\r\n\r\n`),
      Buffer.from(body),
      Buffer.from('\r\n'),
    ]),
    Buffer.from('--b-1--\r\n'),
  ]);

const field = (name: string, value: string, more = ''): readonly [string, string] => [
  `Content-Disposition: form-data; name="${name}"${more}`,
  value,
];

test('an image comes in pieces, with its progress, and is one that can be deployed', () =>
  withClient(async ({ create, put, ask, images, place, tree }) => {
    const created = await assertStatus(create(wish(DISK)), 201);
    const { id, name, type, architecture, title, complete } = created.json;
    assert.deepEqual(
      [name, type, architecture, title, complete],
      ['custom/site', 'Uploaded', 'amd64/generic', 'The site', false],
    );
    const uri = uriOf(created);
    assert.match(uri, new RegExp(`^/MAAS/api/2.0/boot-resources/${id}/upload/\\d+/$`));
    assert.deepEqual([(await put(uri, DISK.subarray(0, MIB / 2))).status, images().length], [200, 0]);
    const half = comingFile(await ask('GET', `boot-resources/${id}/`));
    assert.deepEqual([half.progress, half.received, half.upload_uri], [25, MIB / 2, uri]);
    assert.equal((await ask('GET', 'boot-resources/')).json[0].progress, 25);
    await assertStatus(
      put(uri, DISK.subarray(MIB / 2), {
        'content-range': `bytes ${MIB / 2}-${2 * MIB - 1}/${2 * MIB}`,
      }),
      200,
    );
    const [image] = images();
    assert.deepEqual(
      [image?.os, image?.release, image?.label, image?.title, image?.diskBytes],
      ['custom', 'site', 'uploaded', 'The site', 2 * MIB],
    );
    const whole = (await ask('GET', `boot-resources/${id}/`)).json;
    assert.deepEqual(
      [whole.complete, whole.progress, whole.type, Object.keys(whole.sets)],
      [true, 100, 'Uploaded', [image?.serial]],
    );
    assert.deepEqual([await place.store.uploads.list(), readdirSync(join(tree, 'images/.uploads'))], [[], []]);
    const events = (await place.store.listEvents({ limit: 3 })).map((event) => sentenceOf(event));
    assert.deepEqual(events.slice(0, 2).toSorted(), [
      `added the uploaded custom/site/amd64/generic/uploaded/${image?.serial}`,
      'began to upload custom/site/amd64/generic/uploaded',
    ]);
    await assertStatus(put(uri, DISK), 404);
  }));

test('the whole content comes in one form, in Base64 of the maas command line or plain, with the parts in any order', () =>
  withClient(async ({ form: post, images }) => {
    const file = 'Content-Disposition: form-data; name="content"; filename="content"';
    const answer = await post(
      form([
        [`${file}\r\nContent-Transfer-Encoding: base64`, DISK.toString('base64').replaceAll(/.{76}/g, '$&\n')],
        [
          'Content-Disposition: form-data; name="name"\r\nContent-Transfer-Encoding: base64',
          Buffer.from('custom/one').toString('base64'),
        ],
        field('architecture', 'amd64'),
        field('filetype', 'ddraw'),
      ]),
    );
    assert.deepEqual([answer.status, images().map(({ release }) => release)], [201, ['one']], answer.text);
    const packed = gzipSync(makeSystemDisk(MIB, 8));
    const again = await post(
      form([
        field('name', 'two'),
        field('architecture', 'amd64'),
        field('filetype', 'ddgz'),
        field('sha256', sha256(packed)),
        [file, packed],
      ]),
    );
    assert.deepEqual([again.status, images().map(({ release }) => release)], [201, ['one', 'two']], again.text);
  }));

test('the actions without a file take the form without parameters that python-libmaas sends', () =>
  withClient(async ({ form: post }) => {
    for (const op of ['import', 'stop_import']) {
      for (const version of ['1.0', '2.0']) {
        const path = `${version}/boot-resources/?op=${op}`;
        const { status, text } = await post(Buffer.from('--b-1\r\n\r\n--b-1--'), 'admin', path);
        assert.equal(status, 200, `${path} ${text}`);
      }
    }
  }));

test('a root archive is stored as it is, in the boot tree, too', () =>
  withClient(async ({ create, put, images, tree }) => {
    const root = gzipSync(makeRootTar());
    const created = await create(wish(root, { name: 'mysite/nine', filetype: 'tgz' }));
    await assertStatus(put(uriOf(created), root), 200);
    const [image] = images();
    assert.deepEqual([image?.format, image?.sha256, image?.system?.rootName], ['root.tar', sha256(root), 'root-tgz']);
    assert.deepEqual(readdirSync(join(tree, 'mysite/amd64/generic/nine/uploaded')), ['root-tgz']);
    const refused = await create(wish(DISK, { name: 'mysite/ten', filetype: 'tgz' }));
    const answer = await put(uriOf(refused), DISK);
    assert.deepEqual([answer.status, images().length], [400, 1]);
    assert.match(answer.text, /the upload is not a tgz file/);
    for (const [bytes, reason] of [
      [gzipSync(makeRootTar().subarray(0, 700)), /the archive was cut short/],
      [root.subarray(0, -9), /it is damaged or cut short/],
      [gzipSync(makeRootTar({ README: 'no system' })), /has no etc\/ and usr\/, so it is not the root of a system/],
      [gzipSync(Buffer.from('text')), /it is not a tar archive/],
    ] as const) {
      const wrong = await create(wish(bytes, { name: 'mysite/eleven', filetype: 'tgz' }));
      const refusal = await put(uriOf(wrong), bytes);
      assert.deepEqual([refusal.status, images().length], [400, 1]);
      assert.match(refusal.text, reason);
    }
    const reserved = await assertStatus(create(wish(root, { name: 'grub/ten', filetype: 'tgz' })), 400);
    assert.match(reserved.text, /The boot tree itself uses the name grub/, 'before its content is sent');
  }));

test('a piece that does not fit is refused with what the upload needs', () =>
  withClient(async ({ create, put, place, tree }) => {
    const uri = uriOf(await create(wish(DISK)));
    const cases: readonly (readonly [
      piece: Uint8Array,
      headers: Record<string, string>,
      status: number,
      text: RegExp,
    ])[] = [
      [new Uint8Array(0), {}, 400, /at least one byte/],
      [Buffer.alloc(PIECE_BYTES_MAX + 1), {}, 413, /at most 4194304 bytes/],
      [Buffer.alloc(2 * MIB + 1), {}, 400, /this piece is too long/],
      [DISK, { 'content-range': 'bytes 5-9/10' }, 400, /Content-Range/],
      [
        DISK.subarray(5, 10),
        { 'content-range': 'bytes 5-9/2097152' },
        409,
        /0 bytes of this upload have arrived: continue from there/,
      ],
      [DISK.subarray(0, 5), { 'content-range': 'bytes 0-4/2097153' }, 400, /has 2097152 bytes, and .* one of 2097153/],
      [DISK.subarray(0, 5), { 'content-range': 'bytes 0-4/5' }, 400, /send the pieces of one file only/],
    ];
    for (const [piece, headers, status, text] of cases) {
      const answer = await put(uri, piece, headers);
      assert.deepEqual([answer.status, text.test(answer.text)], [status, true], answer.text);
    }
    await assertStatus(put('/MAAS/api/2.0/boot-resources/1/upload/99/', DISK), 404);
    await assertStatus(put('/MAAS/api/2.0/boot-resources/1/upload/x/', DISK), 404);
    await assertStatus(put(uri, DISK.subarray(0, 10), { 'content-range': 'bytes 0-9/*' }), 200);
    const [upload] = await place.store.uploads.list();
    assert.equal(upload?.received, 10);
    for (const name of readdirSync(join(tree, 'images/.uploads'))) truncateSync(join(tree, 'images/.uploads', name), 9);
    assert.match((await put(uri, DISK.subarray(10, 20))).text, /are gone: begin a new one/);
    const elsewhere = { from: 10, to: 11, place: 'other:/tree', atMs: 1 };
    await place.store.uploads.advance(upload?.id ?? 0, elsewhere);
    const answer = await put(uri, DISK.subarray(11, 20));
    assert.deepEqual([answer.status, /are on other:\/tree/.test(answer.text)], [409, true]);
  }));

test('wrong content, and a system that could not start, are refused with the reason, which stays until a new upload', () =>
  withClient(async ({ create, put, ask, images, place }) => {
    const wrong = await create(wish(DISK, { sha256: 'a'.repeat(64) }));
    const answer = await assertStatus(put(uriOf(wrong), DISK), 400);
    assert.match(answer.text, /its content has the sha256 [0-9a-f]{64} instead of a{64}/);
    const { id } = wrong.json;
    const { import: state } = (await ask('GET', `boot-resources/${id}/`)).json;
    assert.deepEqual([state.state, /instead of/.test(state.reason)], ['failed', true]);
    await assertStatus(put(uriOf(wrong), DISK), 409);
    const empty = Buffer.alloc(MIB);
    empty.writeUInt16BE(0x55aa, 510);
    empty[450] = 0x83;
    const unfit = await create(wish(empty));
    assert.match((await put(uriOf(unfit), empty)).text, /cannot be deployed/);
    assert.deepEqual([images(), (await place.store.uploads.list()).length], [[], 1]);
    await assertStatus(put(uriOf(await create(wish(DISK))), DISK), 200);
    assert.equal(images().length, 1);
  }));

test('the same upload created again continues, by Content-Range where it was, and without it from its beginning', () =>
  withClient(async ({ create, put, images, place: { store } }) => {
    const half = MIB / 2;
    const created = await create(wish(DISK));
    const uri = uriOf(created);
    const rest = { 'content-range': `bytes ${half}-${2 * MIB - 1}/${2 * MIB}` };
    await assertStatus(put(uri, DISK.subarray(0, half)), 200);
    const again = await create(wish(DISK));
    assert.deepEqual([again.status, again.json.id, uriOf(again)], [201, created.json.id, uri]);
    assert.equal(comingFile(again).received, half);
    await assertStatus(put(uri, DISK.subarray(half), rest), 200);
    assert.deepEqual([images().length, await store.uploads.list()], [1, []]);

    const other = makeSystemDisk(2 * MIB, 9);
    const begun = uriOf(await create(wish(other)));
    await assertStatus(put(begun, other.subarray(0, half)), 200);
    assert.equal(uriOf(await create(wish(other))), begun);
    // MAAS's command line knows neither `received` nor `Content-Range`.
    for (const at of [0, half, 2 * half, 3 * half]) {
      const answer = await put(begun, other.subarray(at, at + half));
      assert.deepEqual([at, answer.status], [at, 200], answer.text);
    }
    assert.equal(images().length, 2);
  }));

test('another file, kind or title, a failed upload and lost bytes begin a new upload', () =>
  withClient(async ({ create, put, tree, place: { store } }) => {
    const parts = join(tree, 'images/.uploads');
    let uri = uriOf(await create(wish(DISK)));
    const isNew = async (name: string, wanted: Readonly<Record<string, string>>) => {
      const answer = await create(wanted);
      assert.equal(answer.status, 201, `${name}: ${answer.text}`);
      assert.deepEqual([uriOf(answer) === uri, comingFile(answer).received], [false, 0], name);
      uri = uriOf(answer);
      await assertStatus(put(uri, DISK.subarray(0, 10)), 200, name);
    };
    await isNew('the hash', wish(DISK, { sha256: 'b'.repeat(64) }));
    await isNew('the size', wish(DISK, { size: String(DISK.length + 1), sha256: 'b'.repeat(64) }));
    await isNew('the kind', wish(DISK, { filetype: 'qcow2' }));
    await isNew('the title', wish(DISK, { title: 'Another' }));
    for (const name of readdirSync(parts)) truncateSync(join(parts, name), 9);
    await isNew('lost bytes', wish(DISK, { title: 'Another' }));
    const [upload] = await store.uploads.list();
    const step = { from: 10, to: 10, place: 'other:/tree', atMs: 1 };
    await store.uploads.advance(upload?.id ?? 0, step);
    await isNew('bytes on another host', wish(DISK, { title: 'Another' }));
    assert.equal((await store.uploads.list()).length, 1);
  }));

test('an upload continues after a restart, in another process, whatever a killed one left after the counted bytes', async () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-uploads-'));
  try {
    await withClient(
      async ({ create, put, place: { store } }) => {
        const uri = uriOf(await create(wish(DISK)));
        await assertStatus(put(uri, DISK.subarray(0, 700_000)), 200);
        const [name = ''] = readdirSync(join(tree, 'images/.uploads'));
        writeFileSync(
          join(tree, 'images/.uploads', name),
          Buffer.concat([DISK.subarray(0, 700_000), Buffer.alloc(99, 7)]),
        );
        await withClient(
          async ({ put: putThere, images }) => {
            await assertStatus(putThere(uri, DISK.subarray(700_000)), 200);
            assert.equal(images().length, 1);
          },
          { tree, store: keptOpen(store) },
        );
      },
      { tree },
    );
  } finally {
    rmSync(tree, { recursive: true });
  }
});

/** The store for a second region, which must not close it. */
const keptOpen = (store: RegionStore) =>
  new Proxy(store, {
    get: (target, key) => {
      if (key === 'close') return async () => undefined;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

test('a new image goes again if its upload was deleted meanwhile, and stays if the store had it before', () =>
  withClient(async ({ create, put, images, place: { store } }) => {
    const { uploads } = store;
    // The deletion by another process comes after the last check, just before this process would replace the upload.
    const remove = uploads.remove.bind(uploads);
    const deleteFirst = () => {
      uploads.remove = async (id, event) => {
        await remove(id);
        return await remove(id, event);
      };
    };
    deleteFirst();
    const uri = uriOf(await create(wish(DISK)));
    await assertStatus(put(uri, DISK), 404);
    assert.deepEqual([images(), await uploads.list()], [[], []]);
    uploads.remove = remove;
    await assertStatus(put(uriOf(await create(wish(DISK))), DISK), 200);
    assert.equal(images().length, 1);
    deleteFirst();
    await assertStatus(put(uriOf(await create(wish(DISK))), DISK), 404);
    assert.equal(images().length, 1);
  }));

test('an upload whose image was made while the database was away ends at the next look', () =>
  withClient(async ({ create, put, work, images, place: { store }, tree }) => {
    const { uploads } = store;
    const remove = uploads.remove.bind(uploads);
    uploads.remove = () => Promise.reject(new RackError('store-unavailable', 'it is away'));
    await assertStatus(put(uriOf(await create(wish(DISK))), DISK), 200);
    assert.deepEqual([images().length, (await uploads.list()).length], [1, 1]);
    uploads.remove = remove;
    work.checkUploads();
    await eventuallyWithin(
      GONE_MS_MAX,
      'the upload and its file are gone',
      async () => (await uploads.list()).length + readdirSync(join(tree, 'images/.uploads')).length === 0,
    );
    assert.equal(images().length, 1);
  }));

test('while the images cannot be read, the list says so', () =>
  withClient(async ({ ask, tree }) => {
    mkdirSync(join(tree, 'images'), { recursive: true });
    writeFileSync(join(tree, 'images', '.manifests'), 'no directory');
    const answer = await assertStatus(ask('GET', 'boot-resources/'), 503);
    assert.match(answer.text, /cannot be listed: .*\.manifests cannot be read \(ENOTDIR\): let the user/);
  }));

test('a whole upload that a killed process left is finished by the next look; one that nobody continues is removed', () =>
  withClient(async ({ create, put, work, images, place: { store, clock }, tree }) => {
    const created = await create(wish(DISK));
    await put(uriOf(created), DISK.subarray(0, 9));
    const [upload] = await store.uploads.list();
    assert.ok(upload !== undefined);
    const [name = ''] = readdirSync(join(tree, 'images/.uploads'));
    writeFileSync(join(tree, 'images/.uploads', name), DISK);
    await store.uploads.advance(upload.id, { from: 9, to: 2 * MIB, place: upload.place, atMs: clock.wallTimeMs() });
    work.checkUploads();
    await until(() => images().length === 1);
    await create(wish(DISK, { name: 'left' }));
    clock.advance(25 * 3_600_000);
    work.checkUploads();
    await until(async () => (await store.uploads.list()).length === 0);
    assert.match(
      sentenceOf((await store.listEvents({ limit: 1 }))[0]),
      /^removed the upload of custom\/left\S+, which nobody continued$/,
    );
  }));

test('a file of an upload whose bytes another host has becomes no image, and is removed', () =>
  withClient(async ({ create, put, work, images, place: { store }, tree }) => {
    const parts = join(tree, 'images/.uploads');
    await put(uriOf(await create(wish(DISK, { name: 'here' }))), DISK.subarray(0, 9));
    const [kept = ''] = readdirSync(parts);
    for (const [name, bytes] of [
      ['whole', 2 * MIB],
      ['begun', 9],
    ] as const) {
      await create(wish(DISK, { name }));
      const upload = (await store.uploads.list()).at(-1) ?? assert.fail('upload');
      writeFileSync(join(parts, kept.replace(/^\d+/, String(upload.id))), Buffer.alloc(bytes));
      await store.uploads.advance(upload.id, { from: 0, to: 2 * MIB, place: 'other:/tree', atMs: upload.createdMs });
    }
    for (const name of readdirSync(parts)) utimesSync(join(parts, name), 0, 0);
    work.checkUploads();
    await until(() => readdirSync(parts).length === 1);
    assert.deepEqual([readdirSync(parts), images()], [[kept], []]);
    assert.deepEqual(
      (await store.uploads.list()).map(({ reason }) => reason),
      [undefined, undefined, undefined],
      'no upload of the other host has failed',
    );
  }));

test('a leftover that cannot be removed is reported once with its path and a remedy, and everything else continues', () =>
  withClient(async ({ create, put, images, work, problems, tree, place: { region } }) => {
    const parts = join(tree, 'images/.uploads');
    const stuck = join(parts, '7-0123456789abcdef.part');
    const later = join(parts, '8-0123456789abcdef.part');
    mkdirSync(stuck, { recursive: true });
    for (const look of ['first', 'second']) {
      writeFileSync(later, look);
      for (const path of [stuck, later]) utimesSync(path, 0, 0);
      work.checkUploads();
      await until(() => !existsSync(later) && problems.length > 0);
    }
    assert.deepEqual(problems, [`the leftover upload ${stuck} cannot be removed (EISDIR): remove this directory`]);
    await put(uriOf(await create(wish(DISK))), DISK);
    await until(async () => images().length === 1 && (await region.store.uploads.list()).length === 0);
  }));

test('an upload whose part cannot be removed becomes an image, and the next upload, too', () =>
  withClient(async ({ create, put, images, tree, place: { region } }) => {
    const parts = join(tree, 'images/.uploads');
    const { remove } = region.store.uploads;
    region.store.uploads.remove = async (...args) => {
      for (const name of readdirSync(parts).filter((one) => one.endsWith('.part'))) {
        rmSync(join(parts, name), { recursive: true });
        mkdirSync(join(parts, name));
      }
      return await remove.apply(region.store.uploads, args);
    };
    for (const [at, name] of ['one', 'two'].entries()) {
      await put(uriOf(await create(wish(DISK, { name }))), DISK);
      await until(async () => images().length === at + 1 && (await region.store.uploads.list()).length === 0);
    }
    assert.equal(readdirSync(parts).length, 2, 'both parts are left');
  }));

async function until(isSo: () => boolean | Promise<boolean>) {
  for (let count = 0; count < 2000; count += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail('it did not become so');
}

test('an upload becomes an image while another one takes long, and a third one says what it waits for', () =>
  withClient(async ({ create, put, ask, images, tree, place: { store } }) => {
    const long = longDisk();
    const begin = async (name: string, bytes: Uint8Array, filetype: string): Promise<number> => {
      const created = await create(wish(bytes, { name, filetype }));
      const { id } = created.json;
      void put(uriOf(created), bytes);
      return id;
    };
    const isConverting = (count: number) =>
      until(() => readdirSync(join(tree, 'images')).filter((name) => /^\.part-[^.]+$/.test(name)).length === count);
    const first = await begin('long', long, 'ddgz');
    await isConverting(1);
    await put(uriOf(await create(wish(DISK, { name: 'short' }))), DISK);
    assert.deepEqual(
      images().map(({ release }) => release),
      ['short'],
    );
    const second = await begin('longer', long, 'ddgz');
    await isConverting(FINISHED_AT_ONCE_MAX);
    const third = await begin('later', DISK, 'ddraw');
    const stateOf = async (id: number) => (await ask('GET', `boot-resources/${id}/`)).json?.import;
    await until(async () => typeof (await stateOf(third))?.reason === 'string');
    assert.deepEqual(await stateOf(third), {
      ...(await stateOf(third)),
      state: 'verifying',
      reason:
        'waiting until the upload of custom/long/amd64/generic/uploaded, custom/longer/amd64/generic/uploaded has become an image',
    });
    assert.equal((await stateOf(first)).reason, null);
    for (const id of [first, second]) assert.equal((await ask('DELETE', `boot-resources/${id}/`)).status, 204);
    await until(() => images().length === 2);
    await until(async () => (await store.uploads.list()).length === 0);
  }));

/** A disk of 2 TiB of zeroes behind a system, packed twice: takes long, however fast zeroes are. */
function longDisk(): Buffer {
  const block = 128 * 1024;
  const blocks = 2 ** 41 / block - 64;
  const zeroes = Buffer.alloc(6 + 4 * blocks);
  Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3).copy(zeroes);
  // Blocks that repeat one byte (RFC 8878 §3.1.1.2).
  for (let at = 0; at < blocks; at += 1)
    zeroes.writeUIntLE((block << 3) | (1 << 1) | Number(at === blocks - 1), 6 + 4 * at, 3);
  return gzipSync(Buffer.concat([zstdCompressSync(DISK), zeroes]));
}

test('a deleted upload is gone with its bytes', () =>
  withClient(async ({ create, put, ask, tree, place: { store } }) => {
    const created = await create(wish(DISK));
    await put(uriOf(created), DISK.subarray(0, 9));
    const { id } = created.json;
    await assertStatus(ask('POST', `boot-resources/${id}/?op=resume`), 409);
    await assertStatus(ask('DELETE', `boot-resources/${id}/`), 204);
    assert.deepEqual([await store.uploads.list(), (await ask('GET', 'boot-resources/')).json], [[], []]);
    await until(() => readdirSync(join(tree, 'images/.uploads')).length === 0);
    await assertStatus(put(uriOf(created), DISK.subarray(9)), 404);
    assert.match((await create(wish(DISK))).text, /is being deleted: try again/);
    await store.boot.forget(['custom/site/amd64/generic/uploaded']);
    await assertStatus(create(wish(DISK)), 201);
  }));

test('the last piece of an upload that is deleted while its image is made is refused, and its bytes go', () =>
  withClient(async ({ create, put, ask, images, tree }) => {
    const long = longDisk();
    const created = await create(wish(long, { filetype: 'ddgz' }));
    const last = put(uriOf(created), long);
    await until(
      () =>
        existsSync(join(tree, 'images')) &&
        readdirSync(join(tree, 'images')).some((name) => /^\.part-[^.]+$/.test(name)),
    );
    await assertStatus(ask('DELETE', `boot-resources/${created.json.id}/`), 204);
    const answer = await last;
    assert.deepEqual([answer.status, /There is no upload \d+: .*was deleted/.test(answer.text)], [404, true]);
    await until(() => readdirSync(join(tree, 'images/.uploads')).length === 0);
    assert.deepEqual(images(), []);
  }));

const LONG = 'a'.repeat(63);

test('every parameter is checked: name, architecture, type, hash, size, room on the disk; only administrators upload', () =>
  withClient(async ({ create, form: post, tree, place }) => {
    const cases: readonly (readonly [more: Record<string, string>, text: RegExp])[] = [
      [{ name: '../x' }, /name/],
      [{ name: 'a/b/c' }, /name/],
      [{ architecture: '' }, /architecture/],
      [{ architecture: 'zz' }, /"architecture": \[\s*"Give an architecture that exists, such as amd64/],
      [{ architecture: 'x86_64/generic' }, /architecture that exists/],
      [{ name: `${LONG}/${LONG}`, architecture: `amd64/${LONG}` }, /that are 8 characters shorter together/],
      [{ name: 'images/site', filetype: 'tgz' }, /The boot tree itself uses the name images: give another system/],
      [{ name: 'amd64/site', filetype: 'squashfs' }, /uses the name amd64/],
      [{ filetype: 'exe' }, /Give one of tgz/],
      [{ sha256: 'beef' }, /64 hexadecimal digits/],
      [{ size: '0' }, /from 1 to/],
      [{ size: String(UPLOAD_BYTES_MAX + 1) }, /from 1 to/],
    ];
    for (const [more, text] of cases) {
      const answer = await create(wish(DISK, more));
      assert.deepEqual([answer.status, text.test(answer.text)], [400, true], answer.text);
    }
    await assertStatus(create(wish(DISK), 'user'), 403);
    const body = form([field('name', 'x'), field('content', 'abc', '; filename="c"')]);
    await assertStatus(post(body, 'user'), 403);
    const missing = await post(body);
    assert.deepEqual([missing.status, /architecture/.test(missing.text)], [400, true]);
    await assertStatus(post(Buffer.from('--b-1\r\nContent-Disposition: form-data; name="content"\r\n\r\nabc')), 400);
    // The file of a body that ends early goes a moment after the answer.
    await eventuallyWithin(
      GONE_MS_MAX,
      'nothing of it stays',
      () => readdirSync(join(tree, 'images/.uploads')).length === 0,
    );
    assert.deepEqual(await place.store.uploads.list(), []);
  }));

test('a name, an architecture, a kind, a digest and a length that an upload cannot have are refused by name', () =>
  withClient(async ({ create }) => {
    for (const [field, wrong] of Object.entries({
      name: 'grub/ten',
      architecture: '-',
      sha256: 'x',
      filetype: 'exe',
      size: '0',
    })) {
      const refused = await create(wish(DISK, { filetype: 'tgz', [field]: wrong }));
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]]);
    }
    await assertStatus(create(wish(DISK, { base_image: 'ubuntu/noble' })), 201);
  }));

test('a third whole file is refused while two arrive, and accepted when one has ended', () =>
  withClient(async ({ place: { region } }) => {
    const { uploads } = region.bootImages;
    const held = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield DISK;
      await held.promise;
    }
    const arriving = Array.from({ length: WHOLE_FILES_MAX }, () => uploads.receive(slow()));
    const refused = await uploads.receive(slow());
    assert.ok('refusal' in refused && refused.refusal.name === 'uploads-limit');
    held.resolve();
    for (const file of await Promise.all(arriving)) {
      assert.ok('path' in file);
      await uploads.discard(file);
    }
    const next = await uploads.receive(slow());
    assert.ok('path' in next);
    await uploads.discard(next);
  }));
