// A signal ends `rackboot images upload` at once, even while the region does not answer.
// @host waits

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { uploadImage } from '../../../src/cli/images/upload.ts';
import { sleep, systemClock } from '../../../src/clock.ts';
import { makeDisk } from '../../images/disks.ts';

/** Within this time after the signal the command ends, in milliseconds. */
const STOP_MS_MAX = 1500;
const KEY = ['a', 'b', 'c'].map((letter) => letter.repeat(18)).join(':');

const json = (response: ServerResponse, value: unknown): void =>
  void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));

const CONTENT = makeDisk(1024 * 1024, 'gpt');
const sha256 = createHash('sha256').update(CONTENT).digest('hex');
const FILE = { filetype: 'ddraw', size: CONTENT.length, complete: false, received: 0, upload_uri: '/MAAS/piece' };

for (const [title, isAnswered, message] of [
  ['a region that does not answer', false, 'interrupted; repeat the command to continue'],
  ['a region that is busy', true, 'interrupted; repeat the command to continue'],
] as const)
  test(`a signal ends an upload to ${title}`, async () => {
    const place = mkdtempSync(join(tmpdir(), 'rackboot-upload-stop-'));
    const server = createServer((request, response) => {
      if (request.method === 'PUT') {
        if (isAnswered) response.writeHead(503).end('busy');
        server.emit('piece');
      } else if (request.url?.includes('type=uploaded') === true) json(response, []);
      else {
        const sets = { one: { files: { one: { ...FILE, sha256 } } } };
        json(response, { id: 1, name: 'custom/site', architecture: 'amd64/generic', sets });
      }
    });
    const before = process.listeners('SIGHUP');
    try {
      writeFileSync(join(place, 'site.img'), CONTENT);
      writeFileSync(join(place, 'key'), `${KEY}\n`);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/MAAS`;
      const flags = { name: 'site', file: join(place, 'site.img'), arch: 'amd64', config: '', json: true };
      const piece = once(server, 'piece');
      const upload = uploadImage({ ...flags, url, keyFile: join(place, 'key') });
      await Promise.race([piece, upload]);
      await sleep(100);
      const at = systemClock.now();
      for (const listener of process.listeners('SIGHUP')) if (!before.includes(listener)) listener('SIGHUP');
      await assert.rejects(upload, { code: 'cancelled', message });
      assert.ok(systemClock.now() - at < STOP_MS_MAX);
    } finally {
      server.closeAllConnections();
      server.close();
      rmSync(place, { recursive: true });
    }
  });
