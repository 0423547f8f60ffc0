// Refusals of uploads over real connections: a client that sends its whole request before it reads gets the answer, even if the connection
// closes after it (RFC 9112 §9.6).

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { PIECE_BYTES_MAX } from '../../../src/region/images/uploads.ts';
import { refusal } from '../../../src/region/records/refusal.ts';
import { ImageThread } from '../../../src/region-host/imports/image-thread.ts';
import { UploadWork } from '../../../src/region-host/uploads/upload-work.ts';
import { type LiveRegion, startRegion } from '../live.ts';

const SIZE = PIECE_BYTES_MAX + 1000;
const SHA256 = 'a'.repeat(64);

/** Sends a request with `Connection: close`, as Python's urllib does. @returns the whole answer, or the error of the connection */
function send(
  live: LiveRegion,
  path: string,
  fields: readonly string[],
  body: Uint8Array,
  method = 'PUT',
): Promise<string> {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: region',
    'Connection: close',
    `Content-Length: ${body.length}`,
    ...fields,
  ];
  return new Promise((resolve) => {
    const socket = connect(live.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
    });
    socket.on('error', (error) => resolve(`${error.message} after ${JSON.stringify(answer)}`));
    socket.on('end', () => resolve(answer));
    // The last byte comes late: a region that has answered by then has closed its connection.
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    socket.write(body.subarray(0, -1), () => setTimeout(() => socket.write(body.subarray(-1)), 200));
  });
}

/** As `send`, without the length of the body. */
function sendChunked(live: LiveRegion, path: string, fields: readonly string[], body: Uint8Array): Promise<string> {
  const head = [`POST ${path} HTTP/1.1`, 'Host: region', 'Transfer-Encoding: chunked', 'Connection: close', ...fields];
  return new Promise((resolve) => {
    const socket = connect(live.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
    });
    socket.on('error', (error) => resolve(`${error.message} after ${JSON.stringify(answer)}`));
    socket.on('end', () => resolve(answer));
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    socket.write(body.subarray(0, -1), () => setTimeout(() => socket.write(body.subarray(-1)), 200));
  });
}

async function withUpload(work: (live: LiveRegion, path: string) => Promise<void>) {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-uploads-'));
  let files: UploadWork | undefined;
  const live = await startRegion({}, { uploadFiles: () => files ?? assert.fail('too early') });
  files = new UploadWork({
    region: live.region,
    clock: systemClock,
    images: new ImageThread(),
    tree: () => tree,
    onProblem: assert.fail,
  });
  try {
    const upload = await live.region.bootImages.uploads.create({
      name: 'custom/site/amd64/generic/uploaded',
      title: '',
      fileType: 'ddraw',
      username: 'admin',
      bytes: SIZE,
      sha256: SHA256,
    });
    assert.ok('id' in upload);
    await work(live, `/MAAS/api/2.0/boot-resources/1/upload/${upload.id}/`);
  } finally {
    await files.close();
    await live.close();
    rmSync(tree, { recursive: true });
  }
}

test('a refused piece gets its answer, however many of its bytes are still on their way', { timeout: 60_000 }, () =>
  withUpload(async (live, path) => {
    const key = `Authorization: ${live.authorization}`;
    const piece = Buffer.alloc(PIECE_BYTES_MAX, 7);
    const again = `Content-Range: bytes 0-${PIECE_BYTES_MAX - 1}/${SIZE}`;
    assert.match(await send(live, path, [key, again], piece), /^HTTP\/1\.1 200 /);
    const cases: readonly (readonly [name: string, path: string, fields: string[], bytes: number, said: RegExp])[] = [
      [
        'its answer was lost',
        path,
        [key, again],
        PIECE_BYTES_MAX,
        / 409 [\s\S]*\b4194304 bytes .* continue from there/,
      ],
      ['too long', path, [key], PIECE_BYTES_MAX + 1, / 413 [\s\S]*at most 4194304 bytes/],
      ['no such upload', path.replace(/\d+\/$/, '99/'), [key], PIECE_BYTES_MAX, / 404 /],
      ['no key', path, [], PIECE_BYTES_MAX, / 401 /],
      ['a wrong key', path, ['Authorization: OAuth x="y"'], PIECE_BYTES_MAX, / 401 /],
    ];
    for (const [name, to, fields, bytes, said] of cases)
      assert.match(await send(live, to, fields, Buffer.alloc(bytes, 7)), said, name);
  }),
);

test('a piece that the disk refuses halfway gets its answer', { timeout: 60_000 }, () =>
  withUpload(async (live, path) => {
    const { uploads } = live.region.bootImages;
    uploads.receivePiece = async (_id, { content }) => {
      for await (const _first of content) break;
      return refusal('uploads-limit', 'The disk of the images cannot take the file: it is full.');
    };
    const answer = await send(live, path, [`Authorization: ${live.authorization}`], Buffer.alloc(PIECE_BYTES_MAX, 7));
    assert.match(answer, / 403 [\s\S]*it is full/);
  }),
);

test('a body over the bound gets its answer, whoever sends it', { timeout: 60_000 }, async () => {
  const live = await startRegion({});
  try {
    const key = `Authorization: ${live.authorization}`;
    const type = 'Content-Type: application/x-www-form-urlencoded';
    const body = Buffer.alloc(3_200_000, 'x');
    for (const path of ['files/', 'tags/', 'scripts/', 'machines/', 'boot-resources/'])
      for (const fields of [[key], []])
        assert.match(
          await send(live, `/MAAS/api/2.0/${path}`, [type, ...fields], body, 'POST'),
          /^HTTP\/1\.1 413 [\s\S]*longer than this region accepts/,
          `${path} ${fields.length}`,
        );
    const chunked = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
    const said = await sendChunked(live, '/MAAS/api/2.0/tags/', [type, key], chunked);
    assert.match(said, /^HTTP\/1\.1 413 /);
  } finally {
    await live.close();
  }
});
