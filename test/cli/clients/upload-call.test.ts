// The upload of an image in pieces, as MAAS's command line does it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Action } from '../../../src/cli/clients/description.ts';
import type { RegionAnswer, RegionRequest } from '../../../src/cli/clients/region-request.ts';
import { uploadNamed } from '../../../src/cli/clients/upload-call.ts';
import { parseBody } from '../../../src/region/api/call/form-body.ts';

const directory = mkdtempSync(join(tmpdir(), 'rackboot-upload-'));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, 'image');
const content = Buffer.alloc(9 * 1024 * 1024, 'an image ');
writeFileSync(file, content);
const sha256 = createHash('sha256').update(content).digest('hex');

const CREATE: Action = {
  name: 'create',
  method: 'POST',
  op: null,
  path: '/MAAS/api/2.0/boot-resources/',
  pathParameters: [],
  doc: 'Upload.\n\n:param content: The file.',
};
const WORDS = ['name=custom/site', 'architecture=amd64/generic', `content@=${file}`];
const FILE = { sha256, size: content.length, complete: false };
const PLACE = '/MAAS/api/2.0/boot-resources/7/upload/3/';
const answer = (status: number, value: unknown): RegionAnswer => ({
  status,
  type: 'application/json',
  body: Buffer.from(JSON.stringify(value)),
  isFromRegion: true,
  retrySeconds: undefined,
});

/** A region that takes an upload, and the requests that it got. */
function region(files: object, ofPiece = 200) {
  const asked: RegionRequest[] = [];
  const ask = async (request: RegionRequest): Promise<RegionAnswer> => {
    asked.push(request);
    return request.method === 'POST' ? answer(201, { id: 7, sets: { one: { files } } }) : answer(ofPiece, 'OK');
  };
  return { asked, ask };
}

test('only a new boot resource with the content of a file is an upload', async () => {
  const { asked, ask } = region({});
  for (const [action, words] of [
    [CREATE, ['name=custom/site']],
    [{ ...CREATE, op: 'import' }, WORDS],
    [{ ...CREATE, path: '/MAAS/api/2.0/files/' }, WORDS],
  ] as const) {
    assert.equal(await uploadNamed(action, words, ask), undefined);
  }
  assert.equal(asked.length, 0);
});

test('the resource is made with size and hash, then the pieces follow in order', async () => {
  const { asked, ask } = region({ 'root-dd': { ...FILE, upload_uri: PLACE } });
  const made = await uploadNamed(CREATE, [...WORDS, 'size=1'], ask);
  assert.equal(made?.status, 201);
  const [create, ...pieces] = asked;
  const fields = parseBody(create?.body?.type ?? '', Buffer.from(create?.body?.bytes ?? []));
  assert.ok(fields.kind === 'fields');
  assert.deepEqual(Object.fromEntries(fields.fields), {
    name: ['custom/site'],
    architecture: ['amd64/generic'],
    sha256: [sha256],
    size: [String(content.length)],
  });
  assert.deepEqual(
    pieces.map(({ method, path, body }) => [method, path, body?.type, body?.bytes.length]),
    [4, 4, 1].map((mebibytes) => ['PUT', PLACE, 'application/octet-stream', mebibytes * 1024 * 1024]),
  );
  assert.ok(Buffer.concat(pieces.map(({ body }) => Buffer.from(body?.bytes ?? []))).equals(content));
});

test('an upload that the region continues is sent from the bytes that it has', async () => {
  const received = 4 * 1024 * 1024;
  const { asked, ask } = region({ 'root-dd': { ...FILE, upload_uri: PLACE, received } });
  assert.equal((await uploadNamed(CREATE, WORDS, ask))?.status, 201);
  const [, ...pieces] = asked;
  assert.ok(Buffer.concat(pieces.map(({ body }) => Buffer.from(body?.bytes ?? []))).equals(content.subarray(received)));
});

test('a file that the region has already is not sent, and a refused piece ends the upload', async () => {
  const there = region({ 'root-dd': { ...FILE, complete: true } });
  assert.equal((await uploadNamed(CREATE, WORDS, there.ask))?.status, 201);
  assert.equal(there.asked.length, 1);
  const refusing = region({ 'root-dd': { ...FILE, upload_uri: PLACE } }, 400);
  assert.equal((await uploadNamed(CREATE, WORDS, refusing.ask))?.status, 400);
  assert.equal(refusing.asked.length, 2);
  await assert.rejects(uploadNamed(CREATE, ['content@=/nonexistent/file'], there.ask), { code: 'not-found' });
});
