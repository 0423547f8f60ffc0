// `rackboot images upload` against a real daemon: over the control socket and over HTTP with a key, with its progress; continued after the daemon
// was killed; refused with the reason. By any user.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { readImages } from '../../src/images/store/image-store.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { missing } from './needs.ts';
import { authorizationOf } from './oauth.ts';
import { HAS_MANY_ROUNDS } from './rounds.ts';
import { type Ended, RunningRack, runRackboot, well } from './running-rack.ts';

const MIB = 1024 * 1024;
const PIECE = 4 * MIB;
const RESOURCES = '/MAAS/api/2.0/boot-resources/';

/** Adds the tests. @param place of no other rack at the same time */
export function describeUploads(place: LabPlace): void {
  describe('images are uploaded to a running region', { skip: missing('linux') }, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'rackboot-image-upload-'));
    const rack = new RunningRack(place);
    const url = `http://127.0.0.1:${place.regionPort}/MAAS`;
    const keyFile = join(scratch, 'key');
    const given = (name: string, content: Uint8Array): string => {
      writeFileSync(join(scratch, name), content);
      return join(scratch, name);
    };
    const rackboot = (...args: readonly string[]): Promise<Ended> => rack.rackboot(...args);
    const upload = (...args: readonly string[]): Promise<Ended> => rackboot('images', 'upload', ...args);
    const images = (): readonly string[] => readImages(rack.tree).images.map(({ os, release }) => `${os}/${release}`);

    before(async () => {
      await rack.startWhole();
      const key = await rack.administrator();
      writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
    });
    after(async () => {
      await rack.remove();
      rmSync(scratch, { recursive: true, force: true });
    });

    test('over the control socket, with its progress; a second time the same', async () => {
      const file = given('site.img', makeSystemDisk(12 * MIB, 5));
      const output = await well(upload('site', file, '--title', 'The site'));
      assert.match(
        output,
        /^50 % of 12\.0 MiB, (?:.*\n)*Uploaded custom\/site \(amd64\/generic\) to the region of this host: 12\.0 MiB$/m,
      );
      assert.deepEqual(images(), ['custom/site']);
      const again = await upload('site', file, '--json');
      assert.deepEqual([again.code, JSON.parse(again.output.join('')).from, images()], [0, 0, ['custom/site']]);
    });

    if (!HAS_MANY_ROUNDS) return;

    test('by URL and key, from where it was when the daemon was killed', async () => {
      const disk = makeSystemDisk(3 * PIECE, 6);
      const file = given('far.img', disk);
      const fields = {
        name: 'far',
        architecture: 'amd64',
        filetype: 'ddraw',
        size: String(disk.length),
        sha256: createHash('sha256').update(disk).digest('hex'),
      };
      const created = await askDaemon(rack.stateDir, RESOURCES, 'POST', new URLSearchParams(fields).toString());
      const uri = /"upload_uri":"([^"]+)/.exec(JSON.stringify(created))?.[1] ?? '';
      const answer = await fetch(`http://127.0.0.1:${place.regionPort}${uri}`, {
        method: 'PUT',
        body: disk.subarray(0, PIECE),
        headers: {
          'content-type': 'application/octet-stream',
          authorization: authorizationOf(readFileSync(keyFile, 'utf8').trim()),
        },
      });
      assert.equal(answer.status, 200, await answer.text());
      await rack.kill();
      await rack.startWhole();
      const output = await well(upload('far', file, '--url', url, '--key-file', keyFile));
      assert.match(output, /^Continuing after 4.0 MiB\n/);
      assert.ok(images().includes('custom/far'));
    });

    test('to the region of a profile, by this command and in the words of MAAS’s own', async () => {
      const before = process.env.XDG_CONFIG_HOME;
      process.env.XDG_CONFIG_HOME = join(scratch, 'config');
      try {
        const key = readFileSync(keyFile, 'utf8').trim();
        await well(runRackboot(['login', 'lab', url, key]));
        const file = given('maas.img', makeSystemDisk(2 * PIECE + 512, 8));
        const fields = ['name=custom/maas', 'architecture=amd64/generic', 'filetype=ddraw', `content@=${file}`];
        const created = await runRackboot(['maas', 'lab', 'boot-resources', 'create', ...fields]);
        assert.equal(created.code, 0, [...created.output, ...created.complaints].join('\n'));
        assert.ok(images().includes('custom/maas'));
        const { code, complaints } = await upload('prof', file, '--profile', 'lab');
        assert.deepEqual([code, images().includes('custom/prof')], [0, true], complaints.join('\n'));
        const wrong = given('wrong.img', Buffer.from('no image'));
        const refused = await runRackboot([
          'maas',
          'lab',
          'boot-resources',
          'create',
          ...fields.slice(0, 3),
          `content@=${wrong}`,
        ]);
        assert.deepEqual(
          [refused.code, /partition table/.test([...refused.output, ...refused.complaints].join())],
          [2, true],
        );
      } finally {
        if (before === undefined) delete process.env.XDG_CONFIG_HOME;
        else process.env.XDG_CONFIG_HOME = before;
      }
    });
  });
}
