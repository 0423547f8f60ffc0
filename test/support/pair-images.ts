// Images of two processes of one region: uploads one to a process, lists them, and looks at the store of each host.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { authorizationOf } from './oauth.ts';
import { askRegion } from './region-process.ts';
import type { RunningRack } from './running-rack.ts';

const MIB = 1024 * 1024;
const file = z.object({ complete: z.boolean(), upload_uri: z.string().optional(), sha256: z.string() });
const resource = z.object({
  id: z.number(),
  name: z.string(),
  complete: z.boolean(),
  progress: z.number(),
  sets: z.record(z.string(), z.object({ complete: z.boolean(), files: z.record(z.string(), file) })).optional(),
});
type PairResource = z.infer<typeof resource>;

/** Uploads a disk image to a process. @param seed of its content */
export async function uploadDisk(place: LabPlace, key: string, name: string, seed: number): Promise<void> {
  const disk = makeSystemDisk(2 * MIB, seed);
  const sha256 = createHash('sha256').update(disk).digest('hex');
  const wish = { name, architecture: 'amd64/generic', filetype: 'ddraw', sha256, size: String(disk.length) };
  const { sets = {} } = resource.parse(await askRegion(place, key, 'boot-resources/', wish));
  const uris = Object.values(sets).flatMap(({ files }) => Object.values(files).flatMap((one) => one.upload_uri ?? []));
  const answer = await fetch(`http://127.0.0.1:${place.regionPort}${uris[0]}`, {
    method: 'PUT',
    headers: { Authorization: authorizationOf(key), 'Content-Type': 'application/octet-stream' },
    body: new Uint8Array(disk),
  });
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
}

/** All resources, by name. */
export const listedImages = async (place: LabPlace, key: string): Promise<readonly PairResource[]> =>
  z.array(resource).parse(await askRegion(place, key, 'boot-resources/'));

/** One resource with its sets. */
export const findImage = async (place: LabPlace, key: string, id: number): Promise<PairResource> =>
  resource.parse(await askRegion(place, key, `boot-resources/${id}/`));

/** Deletes a resource. @returns the status of the answer */
export async function deleteImage(place: LabPlace, key: string, id: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${place.regionPort}/MAAS/api/2.0/boot-resources/${id}/`, {
    method: 'DELETE',
    headers: { Authorization: authorizationOf(key) },
  });
  return answer.status;
}

/** The manifests in the store of a process's host. */
export function manifestsOf({ stateDir }: RunningRack): readonly string[] {
  const manifests = join(stateDir, 'boot', 'images', '.manifests');
  return existsSync(manifests) ? readdirSync(manifests) : [];
}
