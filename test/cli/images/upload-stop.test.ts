// A signal ends `rackboot images upload` at once, even while the region does not answer. Others may complete or delete the same
// upload meanwhile.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { uploadImage } from '../../../src/cli/images/upload.ts';
import { sleep } from '../../../src/ground/clock.ts';
import { RackError } from '../../../src/ground/errors.ts';
import { makeDisk } from '../../images/disks.ts';
import { answerJson } from '../../support/json-answer.ts';
import { printedBy } from '../../support/printed.ts';

const KEY = ['a', 'b', 'c'].map((letter) => letter.repeat(18)).join(':');

const CONTENT = makeDisk(1024 * 1024, 'gpt');
const sha256 = createHash('sha256').update(CONTENT).digest('hex');
const FILE = { filetype: 'ddraw', size: CONTENT.length, complete: false, received: 0, upload_uri: '/MAAS/piece' };

/** Uploads to a region that `answer` plays. */
async function withRegion<T>(
  answer: RequestListener,
  work: (
    upload: () => Promise<number>,
    uploadOf: (flags: { readonly file: string; readonly json: boolean }) => Promise<number>,
  ) => Promise<T>,
): Promise<T> {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-upload-stop-'));
  const server = createServer(answer);
  try {
    writeFileSync(join(place, 'site.img'), CONTENT);
    writeFileSync(join(place, 'key'), `${KEY}\n`);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/MAAS`;
    const flags = { name: 'site', file: join(place, 'site.img'), arch: 'amd64', config: '', json: true };
    const uploadOf = (others: object): Promise<number> =>
      uploadImage({ ...flags, url, keyFile: join(place, 'key'), ...others });
    return await work(() => uploadOf({}), uploadOf);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(place, { recursive: true });
  }
}

const resource = (file: object, complete: boolean): object => ({
  id: 1,
  name: 'custom/site',
  architecture: 'amd64/generic',
  complete,
  sets: { one: { files: { one: { ...FILE, sha256, ...file } } } },
});

for (const [title, isAnswered, message] of [
  ['a region that does not answer', false, 'interrupted; repeat the command to continue'],
  ['a region that is busy', true, 'interrupted; repeat the command to continue'],
] as const)
  test(`a signal ends an upload to ${title}`, async () => {
    const pieces = Promise.withResolvers<void>();
    const answer: RequestListener = (request, response) => {
      if (request.method === 'PUT') {
        if (isAnswered) response.writeHead(503).end('busy');
        pieces.resolve();
      } else answerJson(response, resource({}, false));
    };
    const before = process.listeners('SIGHUP');
    await withRegion(answer, async (begin) => {
      const upload = begin();
      await Promise.race([pieces.promise, upload]);
      await sleep(100);
      for (const listener of process.listeners('SIGHUP')) if (!before.includes(listener)) listener('SIGHUP');
      await assert.rejects(upload, { code: 'cancelled', message });
    });
  });

test('an upload of a root tells what a deployment needs and the root lacks', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-upload-root-'));
  try {
    for (const name of ['etc', 'usr']) mkdirSync(join(place, 'root', name), { recursive: true });
    execFileSync('tar', ['-czf', join(place, 'site.tgz'), '-C', join(place, 'root'), 'etc', 'usr']);
    const content = readFileSync(join(place, 'site.tgz'));
    const hash = createHash('sha256').update(content).digest('hex');
    let isOver = false;
    const answer: RequestListener = (request, response) => {
      if (request.method === 'PUT') isOver = true;
      const file = { size: content.length, sha256: hash, complete: isOver };
      answerJson(response, resource(file, isOver));
    };
    const { text, complaint } = await withRegion(answer, (_, upload) =>
      printedBy(() => upload({ file: join(place, 'site.tgz'), json: false })),
    );
    const start = 'it has no kernel in /boot and no boot loader (GRUB), so deploying it fails';
    const judged = `Judging by its content, ${start}; it has no cloud-init, so user data has no effect.\n`;
    assert.ok(text.endsWith(judged), text + complaint);
  } finally {
    rmSync(place, { recursive: true });
  }
});

for (const [title, later, isRefused] of [
  ['an upload that another command completes meanwhile ends well', resource({ complete: true }, true), false],
  ['an upload that was deleted meanwhile is refused', undefined, true],
  ['an upload that was replaced meanwhile is refused', resource({ size: 1 }, false), true],
] as const)
  test(title, async () => {
    let isOver = false;
    const answer: RequestListener = (request, response) => {
      if (request.method === 'PUT' || (isOver && later === undefined)) {
        isOver = true;
        response.writeHead(404).end('There is no upload 1');
      } else answerJson(response, isOver ? later : resource({}, false));
    };
    await withRegion(answer, async (upload) => {
      const { result, text } = await printedBy(() =>
        upload().catch((error: unknown) => (error instanceof RackError ? error.code : undefined)),
      );
      assert.equal(result, isRefused ? 'not-found' : 0, text);
    });
  });
