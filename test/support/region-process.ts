// A process of a region on PostgreSQL, as its service runs it, and a client of its API.

import assert from 'node:assert/strict';
import { systemClock } from '../../src/clock.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { RunningRack } from './running-rack.ts';

/** The command that runs a region apart from racks. */
export const REGION_SERVICE = ['region', 'run'];
const CONNECTIONS = 4;

/** One process; start it with `{ command: REGION_SERVICE }`. @param url of its database */
export const regionProcess = (place: LabPlace, url: string): RunningRack =>
  new RunningRack(place, (text) =>
    [
      `name: hall-${place.regionPort}`,
      /^state_dir: .*$/m.exec(text)?.[0],
      `region: { listen: ["127.0.0.1:${place.regionPort}"], store: { kind: postgresql, url: "${url}", pool: ${CONNECTIONS} } }`,
      `metrics: { listen: ["${place.octets}.2:5249"] }`,
      '',
    ].join('\n'),
  );

/** The `Authorization` header of an API key. */
export function authorizationOf(key: string): string {
  const [consumer = '', token = '', secret = ''] = key.split(':');
  return (
    `OAuth oauth_version="1.0", oauth_signature_method="PLAINTEXT", oauth_consumer_key="${consumer}", oauth_token="${token}", ` +
    `oauth_signature="&${secret}", oauth_timestamp="${Math.floor(systemClock.wallTimeMs() / 1000)}", oauth_nonce="${systemClock.now()}"`
  );
}

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
