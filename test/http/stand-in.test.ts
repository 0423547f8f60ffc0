// The boot listener acts in the place of a remote region that does not answer.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import type { NotKept } from '../../src/http/events.ts';
import { BODIES_MAX, KEPT_BYTES_MAX, type KeptReport } from '../../src/http/region-stand-in.ts';
import { REGION_FIELD } from '../../src/net/region-http.ts';
import { Crowd } from '../support/crowd.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { portOf } from '../support/listening-port.ts';
import { MACHINE, makeRegion, openRig, type Rig, TOKEN } from './rig.ts';

const PATH = '/MAAS/api/2.0/machines/';
const FORM = 'application/x-www-form-urlencoded';

const kept: KeptReport[] = [];
let isAway = false;
/** How often `isAway` was called: once when a report takes a place. */
let awayAsked = 0;
let isManaged = true;
let problem: NotKept | undefined;
let answer: (response: ServerResponse) => void = (response) => response.end('region');
let asked = 0;
let rig: Rig;
let nowhere: Rig;

const region = makeRegion((request, response) => {
  asked += 1;
  request.resume();
  request.on('end', () => answer(response));
});

const standIn = {
  agent: '#!/bin/sh\n# end of agent\n',
  preseed: 'd-i preseed/early_command string true\n',
  isAway: () => {
    awayAsked += 1;
    return isAway;
  },
  isManaged: () => isManaged,
  keep: async (report: KeptReport) => {
    if (problem === undefined) kept.push(report);
    return problem;
  },
};

before(async () => {
  await new Promise<void>((resolve) => region.listen(0, '127.0.0.1', resolve));
  const port = portOf(region);
  rig = await openRig({ host: '127.0.0.1', port }, standIn);
  nowhere = await openRig({ host: '127.0.0.1', port: 1 }, standIn);
});
after(async () => {
  await rig.server.close();
  await nowhere.server.close();
  region.closeAllConnections();
  region.close();
});
beforeEach(() => {
  kept.length = 0;
  asked = 0;
  isAway = false;
  isManaged = true;
  problem = undefined;
  answer = (response) => response.end('region');
});

function send(to: Rig, method: string, path: string, body = '', headers: Readonly<Record<string, string>> = {}) {
  const fields = {
    'Content-Type': FORM,
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return to.speak(`${method} ${path} HTTP/1.1\r\nHost: rack\r\n${lines.join('')}\r\n${body}`);
}
const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);

test('a report goes to the region while it accepts reports', async () => {
  assert.match(await send(rig, 'POST', PATH, 'a=1'), /region$/);
  assert.equal(kept.length, 0);
});

test('a report is kept with its boot token and the interface that this rack vouches for', async () => {
  isAway = true;
  await send(rig, 'POST', PATH, 'a=1', { 'X-Rackboot-Token': TOKEN, 'X-Rackboot-Boot': '52:54:00:99:99:99' });
  await send(rig, 'POST', PATH, 'a=1', { 'X-Rackboot-Boot': '52:54:00:99:99:99' });
  assert.deepEqual(
    kept.map(({ token, bootMac }) => [token, bootMac]),
    [
      [TOKEN, MACHINE],
      [undefined, undefined],
    ],
  );
});

test('a report that the region cannot take is kept, and the machine gets 202 with one line of JSON', async () => {
  for (const status of [502, 503, 504]) {
    answer = (response) => response.writeHead(status).end('not now');
    const text = await send(rig, 'POST', PATH, `a=${status}`);
    assert.equal(statusOf(text), 202);
    assert.match(text, /\r\n\r\n\{"status":"queued",[^\n]*\}\n$/);
  }
  const text = await send(nowhere, 'POST', `${PATH}?x=1`, 'a=away');
  assert.equal(statusOf(text), 202);
  assert.deepEqual(
    kept.map(({ body }) => Buffer.from(body).toString()),
    ['a=502', 'a=503', 'a=504', 'a=away'],
  );
  const { peer, contentType, path } = kept.at(-1) ?? assert.fail();
  assert.deepEqual({ peer, contentType, path }, { peer: ipv4(0x7f000001), contentType: FORM, path: `${PATH}?x=1` });
});

/** Larger than the part read before a report takes its place, so the rest arrives slowly while it holds the place. */
const LARGE = `POST ${PATH} HTTP/1.1\r\nHost: rack\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(100_000)}`;

for (const [name, from, again] of [
  ['one host that sends large reports slowly, all at once, does', ['127.0.0.66'], undefined],
  [
    'as many hosts as there are places, each with a large report that arrives slowly, do',
    Array.from({ length: BODIES_MAX }, (_, index) => `127.0.0.${66 + index}`),
    'x'.repeat(256),
  ],
] as const) {
  test(`${name} not keep the others from getting 202`, async () => {
    isAway = true;
    awayAsked = 0;
    const crowd = await Crowd.open(rig.port, from, BODIES_MAX, {
      first: LARGE,
      ...(again && { again, everyMs: 1000 }),
    });
    try {
      await eventuallyWithin(30_000, 'every place is taken', () => awayAsked === BODIES_MAX);
      assert.equal(statusOf(await send(rig, 'POST', PATH, 'a=1')), 202);
    } finally {
      crowd.close();
    }
  });
}

test('a region known to be away is not tried first', async () => {
  isAway = true;
  assert.equal(statusOf(await send(rig, 'POST', '/MAAS/api/1.0/nodes/?op=new', 'a=1')), 202);
  assert.equal(asked, 0);
});

test('the region’s refusal goes to the machine, and nothing is kept', async () => {
  answer = (response) => response.writeHead(400).end('no');
  assert.equal(statusOf(await send(rig, 'POST', PATH, 'a=1')), 400);
  assert.equal(kept.length, 0);
});

test('with a full disk the machine gets 503 with the reason and a Retry-After', async () => {
  isAway = true;
  problem = 'outbox-full';
  const text = await send(rig, 'POST', PATH, 'a=1');
  assert.equal(statusOf(text), 503);
  assert.match(text, /Retry-After: \d/);
  assert.match(text, /outbox-full/);
});

test('only anonymous enlistments from managed networks are kept; everything else is passed on as usual', async () => {
  isAway = true;
  const cases: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
    ['POST', PATH, { Authorization: 'OAuth x="y"' }],
    ['POST', `${PATH}abc/?op=commission`, {}],
    ['POST', `${PATH}?op=accept_all`, {}],
    ['POST', '/MAAS/api/1.0/nodes/?op=release', {}],
    ['PUT', PATH, {}],
    ['GET', PATH, {}],
  ];
  for (const [method, path, headers] of cases) {
    const text = await send(nowhere, method, path, '', headers);
    assert.equal(statusOf(text), 503, `${method} ${path}`);
  }
  isManaged = false;
  assert.equal(statusOf(await send(nowhere, 'POST', PATH, 'a=1')), 503);
  assert.equal(kept.length, 0);
});

test('a report larger than the bound is refused, whether its length is announced or not', async () => {
  isAway = true;
  const large = 'x'.repeat(KEPT_BYTES_MAX + 1);
  const chunk = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`;
  const chunked = await nowhere.speak(
    `POST ${PATH} HTTP/1.1\r\nHost: rack\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk}`,
  );
  assert.equal(statusOf(chunked), 413);
  assert.equal(statusOf(await send(nowhere, 'POST', PATH, large)), 503);
  assert.equal(kept.length, 0);
});

test('a report in pieces is kept whole', async () => {
  isAway = true;
  const text = await rig.speak(
    `POST ${PATH} HTTP/1.1\r\nHost: rack\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\na=1\r\n2\r\n&b\r\n0\r\n\r\n`,
  );
  assert.equal(statusOf(text), 202);
  assert.equal(Buffer.from(kept[0]?.body ?? []).toString(), 'a=1&b');
});

test('the rack serves the installer’s preseed too', async () => {
  assert.match(await send(rig, 'GET', '/MAAS/rackboot/enlist.preseed'), /region$/);
  isAway = true;
  assert.match(
    await send(rig, 'GET', '/MAAS/rackboot/enlist.preseed'),
    /text\/plain[\s\S]*early_command string true\n$/,
  );
});

test('the rack serves its own agent while the region is away, and otherwise the region’s', async () => {
  assert.match(await send(rig, 'GET', '/MAAS/rackboot/agent.sh'), /region$/);
  assert.match(await send(nowhere, 'GET', '/MAAS/rackboot/agent.sh'), /# end of agent\n$/);
  isAway = true;
  assert.match(await send(rig, 'GET', '/MAAS/rackboot/agent.sh'), /# end of agent\n$/);
});

test('a report that something else than a region answers is kept for the region', async () => {
  answer = (response) => {
    response.removeHeader(REGION_FIELD.name);
    response.end('a foreign page');
  };
  assert.equal(statusOf(await send(rig, 'POST', PATH, 'a=1')), 202);
  assert.equal(kept.length, 1);
});
