// Two commands upload the same file under the same name: the second one finds that its upload has ended, with an image or without.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { uploadImage } from '../../../src/cli/images/upload.ts';
import { makeDisk } from '../../images/disks.ts';
import { answerJson } from '../../support/json-answer.ts';
import { printedBy } from '../../support/printed.ts';

const KEY = ['a', 'b', 'c'].map((letter) => letter.repeat(18)).join(':');
const CONTENT = makeDisk(1024 * 1024, 'gpt');
const sha256 = createHash('sha256').update(CONTENT).digest('hex');
const UPLOAD = { sha256, filetype: 'ddraw', size: CONTENT.length, complete: false, upload_uri: '/MAAS/piece' };
const setOf = (file: object) => ({ files: { one: file } });
const WHOLE = setOf({ sha256: 'c'.repeat(64), filetype: 'ddgz', size: 9, complete: true });

/** Uploads to a region that answers 404 to the piece. @param before the sets of the image at first @param after at the end; undefined: it is gone */
async function upload(before: object, after: object | undefined): Promise<number> {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-upload-shared-'));
  let isEnded = false;
  const server = createServer((request, response) => {
    const sets = isEnded ? after : { ...before, upload: setOf(UPLOAD) };
    if (request.method === 'PUT') isEnded = true;
    if (request.method === 'PUT' || sets === undefined) response.writeHead(404).end('There is no upload 1.');
    else {
      const complete = !('upload' in sets);
      answerJson(response, { id: 1, name: 'custom/site', architecture: 'amd64/generic', complete, import: null, sets });
    }
  });
  try {
    writeFileSync(join(place, 'site.img'), CONTENT);
    writeFileSync(join(place, 'key'), `${KEY}\n`);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/MAAS`;
    const flags = { name: 'site', file: join(place, 'site.img'), arch: 'amd64', config: '', json: true };
    const { result } = await printedBy(() => uploadImage({ ...flags, url, keyFile: join(place, 'key') }));
    return result;
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(place, { recursive: true });
  }
}

test('an upload that another command has completed is a success', async () => {
  assert.equal(await upload({}, { '20261101': WHOLE }), 0);
  assert.equal(await upload({ '20261101': WHOLE }, { '20261101': WHOLE, '20261101.1': WHOLE }), 0);
});

for (const [title, after] of [
  ['was deleted with its image', undefined],
  ['ended without a new image', { '20261101': WHOLE }],
  ['was replaced by another one', { '20261101': WHOLE, upload: setOf({ ...UPLOAD, sha256: 'd'.repeat(64) }) }],
] as const)
  test(`an upload that ${title} is reported as such`, async () => {
    await assert.rejects(upload({ '20261101': WHOLE }, after), { code: 'not-found', message: /There is no upload 1/ });
  });
