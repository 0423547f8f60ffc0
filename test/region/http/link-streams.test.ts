// The streams that notify a rack of changes, over real connections.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ipv4 } from '../../../src/ground/address.ts';
import { sleep } from '../../../src/ground/clock.ts';
import { CHANGES_PER_RACK_MAX } from '../../../src/region/http/link-routes.ts';
import { Crowd } from '../../support/crowd.ts';
import { type LiveRegion, startRegion } from '../live.ts';
import {
  acceptRack,
  digestOf,
  heartbeatOf,
  OTHER_UUID,
  RACK_UUID,
  rackAuthorization,
  rackInterface,
} from '../racks/rack-place.ts';

let live: LiveRegion;
before(async () => {
  live = await startRegion();
});
after(() => live.close());

/** A request for the stream of a rack. */
const changes = (uuid: string, authorization: string) =>
  `GET /MAAS/uplink/1/racks/${uuid}/changes HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`;

test('a rack has at most CHANGES_PER_RACK_MAX streams, and one more ends the oldest', { timeout: 20_000 }, async () => {
  await acceptRack(live.region);
  const first =
    `GET /MAAS/uplink/1/racks/${RACK_UUID}/changes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
    `Authorization: ${rackAuthorization()}\r\n\r\n`;
  const streams: Crowd[] = [];
  const open = async () => {
    streams.push(await Crowd.open(live.port, ['127.0.0.1'], 1, { first }));
    const count = streams.length;
    while (live.api.connections() < Math.min(count, CHANGES_PER_RACK_MAX)) await sleep(5);
    await sleep(100);
  };
  try {
    while (streams.length < CHANGES_PER_RACK_MAX + 2) await open();
    const isOpen = streams.map((stream) => stream.open === 1);
    assert.deepEqual(isOpen, [false, false, ...Array<boolean>(CHANGES_PER_RACK_MAX).fill(true)]);
  } finally {
    for (const stream of streams) stream.close();
  }
});

test('a remote rack is asked to change a lease by its newest stream, and answers with a heartbeat', {
  timeout: 20_000,
}, async () => {
  const { region } = live;
  await acceptRack(region);
  const change = { kind: 'end', address: ipv4(0x0a32_0078) } as const;
  assert.deepEqual(await region.racks.requests.ask(RACK_UUID, change), { outcome: 'silent' });
  const base = `http://127.0.0.1:${live.port}/MAAS/uplink/1/racks/${RACK_UUID}`;
  const authorization = rackAuthorization();
  const opened = new AbortController();
  const stream = await fetch(`${base}/changes`, { headers: { authorization }, signal: opened.signal });
  const asked = region.racks.requests.ask(RACK_UUID, change);
  let text = '';
  for await (const piece of stream.body ?? assert.fail('no stream')) {
    text += Buffer.from(piece).toString();
    if (/event: request\ndata: .*\n/.test(text)) break;
  }
  const request = JSON.parse(/event: request\ndata: (.*)\n/.exec(text)?.[1] ?? '');
  assert.deepEqual({ ...request, id: '' }, { id: '', kind: 'end', address: '10.50.0.120' });
  // Another rack cannot answer for it.
  region.racks.requests.answer(OTHER_UUID, { id: request.id, outcome: 'absent' });
  const body = JSON.stringify(heartbeatOf({ answers: [{ id: request.id, outcome: 'done' }] }));
  const headers = { authorization, 'content-type': 'application/json' };
  assert.equal((await fetch(`${base}/heartbeat`, { method: 'POST', headers, body })).status, 200);
  assert.deepEqual(await asked, { outcome: 'done' });
  opened.abort();
});

test('a stream whose end does not reach its reader still makes room', { timeout: 20_000 }, async () => {
  await acceptRack(live.region);
  const key = { kind: 'own', token: 'token-of-rack-3', secretDigest: digestOf('secret-of-rack-3') } as const;
  await acceptRack(live.region, { uuid: OTHER_UUID, name: 'rack-3', key, interfaces: [rackInterface('10.51.0.0/24')] });
  const others = changes(OTHER_UUID, rackAuthorization('token-of-rack-3', 'secret-of-rack-3'));
  const own = changes(RACK_UUID, rackAuthorization());
  const streams: Crowd[] = [];
  const open = async (first: string) => {
    streams.push(await Crowd.open(live.port, ['127.0.0.1'], 1, { first }));
    await sleep(150);
  };
  try {
    // The stream of this rack waits behind that of the other, which continues.
    await open(others + own);
    for (let count = 0; count < CHANGES_PER_RACK_MAX + 1; count += 1)
      await open(own.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    const isOpen = streams.map((stream) => stream.open === 1);
    assert.deepEqual(isOpen, [true, false, ...Array<boolean>(CHANGES_PER_RACK_MAX).fill(true)]);
  } finally {
    for (const stream of streams) stream.close();
  }
});
