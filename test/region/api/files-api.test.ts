// Files of users over the API, as Juju and the maas command line send and fetch them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_BYTES_MAX, FILES_PER_USER_MAX } from '../../../src/region/records/file-store.ts';
import { assertStatus } from '../../support/answered.ts';
import { type AskedApi, withAskedApi } from '../asked-api.ts';

/** Bytes that are not text. */
const BYTES = Buffer.from([0, 255, 13, 10, 45, 45, 0x61, 128]);
const BOUNDARY = 'frontier';

/** The body as the maas command line makes it: each part in Base64. */
function encoded(parts: readonly (readonly [name: string, content: Buffer | string, filename?: string])[]): Buffer {
  const lines = parts.flatMap(([name, content, filename]) => [
    `--${BOUNDARY}`,
    `Content-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}`,
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(content).toString('base64'),
  ]);
  return Buffer.from([...lines, `--${BOUNDARY}--`, ''].join('\r\n'));
}

/** The body as Go's mime/multipart makes it: bytes as they are. */
function binary(name: string, content: Buffer): Buffer {
  const field = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="filename"\r\n\r\n${name}\r\n`;
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  return Buffer.concat([Buffer.from(field + head), content, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
}

const HEADERS = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
const store = ({ send }: AskedApi, name: string, content: Buffer, by: 'alice' | 'bob' = 'alice') =>
  send('2.0/files/', binary(name, content), HEADERS, by);

test('a file is stored as its bytes were sent, in each form of a body, and read back', () =>
  withAskedApi(async (api) => {
    const { ask, send } = api;
    const text = Buffer.from('QUJD');
    for (const [name, content, path, body] of [
      [
        'cli',
        BYTES,
        '1.0/files/?op=add',
        encoded([
          ['filename', 'cli'],
          ['file', BYTES, 'x'],
        ]),
      ],
      [
        'base64 text',
        text,
        '1.0/files/?op=add',
        encoded([
          ['filename', 'base64 text'],
          ['file', text, 'x'],
        ]),
      ],
      ['go', BYTES, '2.0/files/', binary('go', BYTES)],
      ['empty', Buffer.alloc(0), '2.0/files/', binary('empty', Buffer.alloc(0))],
    ] as const) {
      const added = await send(path, body, HEADERS, 'alice');
      assert.equal(added.status, 201, `${name}: ${added.text}`);
      assert.deepEqual(Object.keys(added.json), ['filename', 'key', 'anon_resource_uri', 'resource_uri']);
      const got = await ask('GET', '2.0/files/?op=get', { filename: name }, 'alice');
      assert.deepEqual([got.status, got.bytes], [200, content], name);
      assert.equal(got.headers['content-type'], 'application/octet-stream');
      const read = (await ask('GET', `1.0/files/${encodeURIComponent(name)}/`, undefined, 'alice')).json;
      assert.equal(read.content, content.toString('base64'));
    }
    await assertStatus(ask('POST', '2.0/files/', { filename: 'form', file: 'grün' }, 'alice'), 201);
    const form = await ask('GET', '2.0/files/?op=get', { filename: 'form' }, 'alice');
    assert.equal(form.text, 'grün');
  }));

test('files are listed by a prefix, their names may have slashes, and each is deleted by both paths', () =>
  withAskedApi(async (api) => {
    const { ask } = api;
    for (const name of ['tools/juju-1.25.tgz', 'tools/juju-1.24.tgz', 'provider-state']) await store(api, name, BYTES);
    const names = async (path: string) =>
      (await ask('GET', path, undefined, 'alice')).json.map((one: { filename: string }) => one.filename);
    assert.deepEqual(await names('1.0/files/?op=list&prefix=tools/'), ['tools/juju-1.24.tgz', 'tools/juju-1.25.tgz']);
    assert.equal((await names('2.0/files/')).length, 3);
    const [first] = (await ask('GET', '2.0/files/?prefix=tools', undefined, 'alice')).json;
    const path = first.resource_uri.replace('/MAAS/api/', '');
    assert.equal((await ask('GET', path, undefined, 'alice')).json.filename, 'tools/juju-1.24.tgz');
    await assertStatus(ask('DELETE', path, undefined, 'alice'), 204);
    await assertStatus(ask('DELETE', '2.0/files/', { filename: 'provider-state' }, 'alice'), 204);
    await assertStatus(ask('DELETE', '1.0/files/provider-state/', undefined, 'alice'), 404);
    assert.deepEqual(await names('2.0/files/'), ['tools/juju-1.25.tgz']);
    // The maas command line does not encode the words of a path.
    for (const version of ['1.0', '2.0'])
      assert.equal((await ask('GET', `${version}/files/tools/juju-1.25.tgz/`, undefined, 'alice')).status, 200);
    await assertStatus(ask('DELETE', '2.0/files/tools//juju-1.25.tgz/', undefined, 'alice'), 404);
    await assertStatus(ask('DELETE', '2.0/files/tools/juju-1.25.tgz/', undefined, 'alice'), 204);
  }));

test("nobody reads another user's file, except by its key, which stays when the content is replaced", () =>
  withAskedApi(async (api) => {
    const { ask } = api;
    const added = (await store(api, 'state', BYTES)).json;
    for (const by of ['bob', 'admin'] as const) {
      await assertStatus(ask('GET', '2.0/files/?op=get', { filename: 'state' }, by), 404);
      await assertStatus(ask('GET', '2.0/files/state/', undefined, by), 404);
      await assertStatus(ask('DELETE', '2.0/files/state/', undefined, by), 404);
      assert.deepEqual((await ask('GET', '2.0/files/', undefined, by)).json, []);
    }
    const uri = added.anon_resource_uri.replace('/MAAS/api/', '');
    assert.deepEqual((await ask('GET', uri, undefined, 'nobody')).bytes, BYTES);
    assert.equal((await store(api, 'state', Buffer.from('new'))).json.key, added.key);
    assert.equal((await ask('GET', uri, undefined, 'nobody')).text, 'new');
    await assertStatus(ask('GET', uri.slice(0, -1), undefined, 'nobody'), 404);
    await assertStatus(ask('GET', '2.0/files/?op=get_by_key&key=', undefined, 'nobody'), 404);
  }));

test('a bad name, a missing part and a file beyond the bounds are refused with the field', () =>
  withAskedApi(async (api) => {
    const { ask, send, place } = api;
    for (const [filename, field] of [
      ['', 'filename'],
      ['a\u0007b', 'filename'],
      ['x'.repeat(256), 'filename'],
    ] as const) {
      const { status, json } = await ask('POST', '2.0/files/', { filename, file: 'x' }, 'alice');
      assert.deepEqual([status, Object.keys(json)], [400, [field]]);
    }
    const missing = await ask('POST', '1.0/files/?op=add', {}, 'alice');
    assert.deepEqual(Object.keys(missing.json), ['filename', 'file']);
    await assertStatus(send('2.0/files/', binary('large', Buffer.alloc(FILE_BYTES_MAX + 1)), HEADERS, 'alice'), 413);
    await place.store.transact(async () => {
      for (let count = 0; count < FILES_PER_USER_MAX; count += 1)
        await place.store.files.put('alice', { name: `f${count}`, key: `k${count}`, content: BYTES }, 1);
    });
    const more = await ask('POST', '2.0/files/', { filename: 'more', file: 'x' }, 'alice');
    assert.deepEqual([more.status, Object.keys(more.json)], [400, ['file']]);
    await assertStatus(ask('POST', '2.0/files/', { filename: 'more', file: 'x' }, 'bob'), 201);
  }));

test('a file of exactly the documented size is taken in each form, and one of a byte more is refused', () =>
  withAskedApi(async (api) => {
    const whole = Buffer.alloc(FILE_BYTES_MAX, 7);
    const inLines = (content: Buffer): Buffer =>
      Buffer.from(
        encoded([
          ['filename', 'lines'],
          ['file', content, 'x'],
        ])
          .toString('latin1')
          .replace(/[A-Za-z0-9+/=]{100,}/, (text) => text.replace(/.{76}/g, '$&\n')),
        'latin1',
      );
    const more = Buffer.concat([whole, Buffer.alloc(1)]);
    for (const [name, of] of [
      ['binary', (content: Buffer) => binary('binary', content)],
      ['lines', inLines],
    ] as const) {
      const taken = await api.send('2.0/files/', of(whole), HEADERS, 'alice');
      assert.equal(taken.status, 201, `${name}: ${taken.text}`);
      const got = await api.ask('GET', '2.0/files/?op=get', { filename: name }, 'alice');
      assert.ok(got.bytes.equals(whole), name);
      const refused = await api.send('2.0/files/', of(more), HEADERS, 'alice');
      assert.deepEqual([refused.status, /at most 2097152 bytes/.test(refused.text)], [413, true], name);
    }
  }));
