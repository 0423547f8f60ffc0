// A process of a region on PostgreSQL, as its service runs it, and a client of its API.

import assert from 'node:assert/strict';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { authorizationOf } from './oauth.ts';
import { RunningRack } from './running-rack.ts';

/** The command that runs a region apart from racks. */
export const REGION_SERVICE = ['region', 'run'];
const CONNECTIONS = 4;

/** The configuration file of a process. @param stateDir as YAML, @param store the values of `region.store`, @param more of `region`, in YAML */
export const regionFile = (place: LabPlace, stateDir: string, store: string, more = ''): string =>
  [
    `name: hall-${place.regionPort}`,
    `state_dir: ${stateDir}`,
    `region: { listen: ["127.0.0.1:${place.regionPort}"], store: { ${store} } ${more} }`,
    `metrics: { listen: ["${place.octets}.2:5249"] }`,
    '',
  ].join('\n');

/** One process; start it with `{ command: REGION_SERVICE }`. @param url of its database */
export const regionProcess = (place: LabPlace, url: string, more = ''): RunningRack =>
  new RunningRack(place, (text) => {
    const [, stateDir = ''] = /^state_dir: (.*)$/m.exec(text) ?? [];
    return regionFile(place, stateDir, `kind: postgresql, url: "${url}", pool: ${CONNECTIONS}`, more);
  });

/** Asks a region's API. @returns its JSON @throws AssertionError with the status and the answer if that is not 2xx */
export async function askRegion(
  { regionPort }: LabPlace,
  key: string,
  path: string,
  form?: Readonly<Record<string, string>>,
  method = 'POST',
): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${regionPort}/MAAS/api/2.0/${path}`, {
    headers: { Authorization: authorizationOf(key) },
    ...(form === undefined ? {} : { method, body: new URLSearchParams(form) }),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${answer.status} ${text}`);
  return JSON.parse(text);
}
