// Two processes of one region on one PostgreSQL: the one that has the duties imports, and one that has lost them does not.
// @host alone

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { sleep } from '../../src/ground/clock.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { ImageSite } from '../support/image-site.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { RegionPair } from '../support/region-pair.ts';
import { eventually, type RunningRack } from '../support/running-rack.ts';

const MIB = 1024 * 1024;
const PLACES = [labPlace(8), labPlace(9)] as const;
/** A process looks at what others ask within this, in milliseconds. */
const LOOK_MS_MAX = 2500;
const resource = z.object({
  id: z.number(),
  complete: z.boolean(),
  progress: z.number(),
  sets: z.record(z.string(), z.object({ complete: z.boolean() })).optional(),
});

describe('two processes of a region that imports', {
  skip: missing('linux', 'gpg', '/usr/lib/postgresql'),
}, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-import-duties-'));
  const site = new ImageSite(join(scratch, 'site'));
  let pair: RegionPair;
  let one: RunningRack;
  let two: RunningRack;

  const ask = async (
    method: string,
    path: string,
    fields: Readonly<Record<string, string>> = {},
    { regionPort }: LabPlace = PLACES[0],
  ): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${regionPort}/MAAS/api/2.0/${path}`, {
      headers: { Authorization: authorizationOf(pair.key) },
      method,
      ...(method === 'GET' ? {} : { body: new URLSearchParams(fields) }),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${answer.status} ${text}`);
    return answer.headers.get('content-type')?.startsWith('application/json') === true ? JSON.parse(text) : text;
  };
  const imagesOf = ({ stateDir }: RunningRack): readonly string[] => {
    const manifests = join(stateDir, 'boot', 'images', '.manifests');
    return existsSync(manifests) ? readdirSync(manifests) : [];
  };
  const isIdle = (): Promise<unknown> =>
    eventually('no import is under way', async () => (await ask('GET', 'boot-resources/?op=is_importing')) === false);
  const hasDuties = (process: RunningRack, from: number): boolean =>
    process.lines.slice(from).some(({ event }) => event === 'region.duties-here');

  before(async () => {
    site.write([{ release: 'noble', serial: '20261015', content: makeSystemDisk(24 * MIB, 3) }]);
    const url = await site.open();
    pair = await RegionPair.start(PLACES, ', import_every: no');
    ({ one, two } = pair);
    const keys = Buffer.from(site.keyring).toString('base64');
    const { id } = (await ask('POST', 'boot-sources/', { url, keyring_data: keys })) as { readonly id: number };
    await ask('POST', `boot-sources/${id}/selections/`, { os: 'ubuntu', release: 'noble' });
  });
  after(async () => {
    await pair?.close();
    site.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('one that has lost the duties amid an import ends it, and the other one continues', async () => {
    site.pauseMs = 20;
    await ask('POST', 'boot-resources/?op=import');
    await eventually('some of it is there', () => site.sent > MIB);
    const from = [one.lines.length, two.lines.length];
    // The process that imports hangs, as after the pause of a host, until the other one has its duties.
    const pid = one.pid ?? assert.fail();
    process.kill(pid, 'SIGSTOP');
    await eventually('the other one has the duties', () => hasDuties(two, from[1] ?? 0));
    process.kill(pid, 'SIGCONT');
    await one.reported('region.duties-lost', { from: from[0] ?? 0 });
    site.pauseMs = 0;
    await isIdle();
    await eventually('the other one has the image', () => imagesOf(two).length === 1);
    await sleep(LOOK_MS_MAX);
    assert.deepEqual(imagesOf(one), []);
  });

  test('every process lists the image as complete, whichever has it', async () => {
    for (const place of PLACES) {
      const [listed] = z.array(resource).parse(await ask('GET', 'boot-resources/', {}, place));
      assert.deepEqual([listed?.complete, listed?.progress], [true, 100]);
      const whole = resource.parse(await ask('GET', `boot-resources/${listed?.id}/`, {}, place));
      assert.deepEqual(
        Object.entries(whole.sets ?? {}).map(([serial, { complete }]) => [serial, complete]),
        [['20261015', true]],
      );
    }
  });

  test('it neither imports nor deletes anything any more', async () => {
    await ask('POST', 'boot-resources/?op=import');
    await isIdle();
    await sleep(LOOK_MS_MAX);
    await isIdle();
    assert.deepEqual([imagesOf(one).length, imagesOf(two).length], [0, 1]);
    const [{ id }] = (await ask('GET', 'boot-resources/')) as readonly [{ readonly id: number }];
    await ask('DELETE', `boot-resources/${id}/`);
    await eventually('the image is deleted', () => imagesOf(two).length === 0);
  });

  test('it imports again once it has the duties again', async () => {
    const pid = two.pid ?? assert.fail();
    const from = one.lines.length;
    process.kill(pid, 'SIGSTOP');
    await eventually('it has the duties again', () => hasDuties(one, from));
    process.kill(pid, 'SIGCONT');
    await ask('POST', 'boot-resources/?op=import');
    await eventually('it has the image', () => imagesOf(one).length === 1);
    await isIdle();
    await sleep(LOOK_MS_MAX);
    assert.deepEqual(imagesOf(two), []);
  });
});
