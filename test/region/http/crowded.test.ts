// The API while an attacker holds its connections, or sends endless bodies: others are still served.
// @process own

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { sleep } from '../../../src/ground/clock.ts';
import { BODIES_WAITING_MAX } from '../../../src/net/shares/body-places.ts';
import { OPERATOR_SOCKET, RACK_SOCKET } from '../../../src/region/config.ts';
import { CONNECTIONS_MAX, LARGE_BODIES_MAX, WAITING_MAX } from '../../../src/region/http/listener-limits.ts';
import { addresses, ask, Crowd, settled } from '../../support/crowd.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { type LiveRegion, startRegion } from '../live.ts';
import { acceptRack, RACK_KEY_SECRET, RACK_TOKEN, RACK_UUID, rackInterface } from '../racks/rack-place.ts';

const CLIENTS = 200;
const ROUTER = '127.0.0.1';
const MS_MAX = 30_000;
const LOOK_MS = 20;

let live: LiveRegion;
before(async () => {
  live = await startRegion();
});
after(() => live.close());
// Wait until the previous test's requests are gone: the end of a request that waits for a place is seen only when it has one.
beforeEach(async () => {
  while (live.api.connections() > 0) await sleep(LOOK_MS);
});

/** In two pieces, so that all connections are open at a time. */
const get = (): readonly string[] => [
  'GET /MAAS/api/2.0/machines/ HTTP/1.1\r\nHost: x\r\n',
  `Authorization: ${live.authorization}\r\nConnection: close\r\n\r\n`,
];

const post = (length: number) =>
  'POST /MAAS/api/2.0/machines/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' +
  `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${length}\r\n\r\n`;

/** A small body, which takes no place: sent as slowly as allowed, and for longer than others wait. */
const slowBody = (): Parameters<typeof Crowd.open>[3] => ({
  first: post(60_000),
  again: 'x'.repeat(256),
  everyMs: 1000,
});

/** A connection without a complete request is idle, and gives way to any other. One that posts does not: only the shares decide. */
const ATTACKS: readonly (readonly [name: string, from: readonly string[], says: Parameters<typeof Crowd.open>[3]])[] = [
  ['ask nothing, from one address', ['127.9.0.2'], {}],
  ['ask nothing, from sixty-four networks', addresses(64, 1), {}],
  [
    'ask one octet of a request a second, from the network of the clients',
    addresses(16, 16).map((one) => one.replace('127.1', '127.0')),
    { first: 'GET /', again: 'a', everyMs: 1000 },
  ],
  [
    'post by 256 octets a second, from sixteen addresses of the network of the clients',
    addresses(16, 16).map((one) => one.replace('127.1', '127.0')),
    slowBody(),
  ],
  ['post by 256 octets a second, from four networks', addresses(16, 4), slowBody()],
];

for (const [name, from, says] of ATTACKS) {
  test(`${CLIENTS} clients behind one address are all answered while ${CONNECTIONS_MAX} connections ${name}`, async () => {
    const crowd = await Crowd.open(live.port, from, CONNECTIONS_MAX, says);
    try {
      await settled(() => live.api.connections());
      const replies = await Promise.all(Array.from({ length: CLIENTS }, () => ask(live.port, ROUTER, get(), 1000)));
      assert.equal(replies.filter(({ text }) => /^HTTP\/1\.1 200 [\s\S]*\[\]$/.test(text)).length, CLIENTS);
    } finally {
      crowd.close();
    }
  });
}

test(`no more than ${CONNECTIONS_MAX} connections are served and ${WAITING_MAX} wait when all hosts hold equal shares`, async () => {
  const crowd = await Crowd.open(live.port, addresses(64, 1), CONNECTIONS_MAX + WAITING_MAX + 64, { first: 'GET /' });
  try {
    await eventuallyWithin(30_000, 'only those that wait remain', () => crowd.open <= CONNECTIONS_MAX + WAITING_MAX);
    await settled(() => crowd.open);
    assert.equal(live.api.connections(), CONNECTIONS_MAX);
    assert.equal(crowd.open, CONNECTIONS_MAX + WAITING_MAX);
  } finally {
    crowd.close();
  }
});

test('large bodies that never end take no place from those of others, and those held and waiting stay within the bounds', async () => {
  const held = LARGE_BODIES_MAX + BODIES_WAITING_MAX;
  const begun = post(1_900_000) + 'x'.repeat(200_000);
  const crowd = await Crowd.open(live.port, addresses(5, 5), held + 20, { first: begun });
  try {
    await settled(() => live.api.connections());
    const facts = `architecture=amd64&mac_addresses=52%3A54%3A00%3A00%3A00%3A01&hardware_facts=${'%20'.repeat(100_000)}`;
    const { text } = await ask(live.port, ROUTER, [post(facts.length) + facts]);
    assert.match(text, /^HTTP\/1\.1 (200|400) /);
    assert.ok(crowd.open <= held, `${crowd.open} bodies are held`);
  } finally {
    crowd.close();
  }
});

test('one slow body per place, each from its own address, gives way to another large body of their network', async () => {
  const begun = post(1_900_000) + 'x'.repeat(100_000);
  const from = addresses(LARGE_BODIES_MAX, LARGE_BODIES_MAX).map((one) => one.replace('127.1', '127.0'));
  const crowd = await Crowd.open(live.port, from, LARGE_BODIES_MAX, {
    first: begun,
    again: 'x'.repeat(4096),
    everyMs: 1000,
  });
  try {
    await settled(() => live.api.connections());
    const facts = `architecture=amd64&mac_addresses=52%3A54%3A00%3A00%3A00%3A02&hardware_facts=${'%20'.repeat(100_000)}`;
    const { text } = await ask(live.port, ROUTER, [post(facts.length) + facts]);
    assert.match(text, /^HTTP\/1\.1 (200|400) /);
    assert.ok(crowd.open >= LARGE_BODIES_MAX - 1, 'no more of them were cut than was needed');
  } finally {
    crowd.close();
  }
});

test('a connection of the rack counts for the machine it speaks for', async () => {
  const passedOn = (address: string) =>
    'GET /MAAS/api/2.0/events/?op=follow HTTP/1.1\r\nHost: x\r\n' +
    `X-Rackboot-Rack: ${live.config.rackSecret}\r\nX-Forwarded-For: ${address}\r\nAuthorization: ${live.authorization}\r\n\r\n`;
  const crowd = await Crowd.open(live.port, [ROUTER], 3, { first: passedOn('10.66.0.9') });
  try {
    await settled(() => live.api.connections());
    assert.deepEqual([live.api.connections('10.66.0.9'), live.api.connections(ROUTER)], [3, 0]);
  } finally {
    crowd.close();
  }
});

/** A remote rack that serves 10.64.0.0/10, and the fields with which the holder of its key names any client there. */
async function farRack(): Promise<(index: number) => string> {
  const networks = ['10.64.0.0/10'];
  await acceptRack(live.region, { interfaces: networks.map((network) => rackInterface(network)) });
  await live.region.racks.judge([RACK_UUID], 'accept', 'admin', networks);
  return (index) =>
    `X-Rackboot-Rack: ${RACK_TOKEN}:${RACK_KEY_SECRET}\r\nX-Forwarded-For: 10.${64 + (index >> 8)}.${index & 255}.9\r\n`;
}

const slowPost = (fields: string, length: number) =>
  `POST /MAAS/api/2.0/machines/ HTTP/1.1\r\nHost: x\r\n${fields}Content-Length: ${length}\r\n\r\n`;

/** Crowds that claim another network on each connection. */
const SPOKEN: readonly (readonly [string, number, number])[] = [
  [`${LARGE_BODIES_MAX} large bodies`, LARGE_BODIES_MAX, 1_900_000],
  [`${CONNECTIONS_MAX} connections`, CONNECTIONS_MAX, 100],
];
for (const [name, count, length] of SPOKEN) {
  test(`one rack that claims many networks cannot displace direct clients: ${name}`, async () => {
    const naming = await farRack();
    const crowds = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        Crowd.open(live.port, ['127.9.0.2'], 1, { first: slowPost(naming(index), length) }),
      ),
    );
    try {
      await settled(() => live.api.connections());
      assert.equal(live.api.connections(`10.64.0.9 by rack ${RACK_UUID}`), 1);
      const facts = `architecture=amd64&mac_addresses=52%3A54%3A00%3A00%3A00%3A02&hardware_facts=${'%20'.repeat(100_000)}`;
      const { text } = await ask(live.port, ROUTER, [post(facts.length) + facts]);
      assert.match(text, /^HTTP\/1\.1 (200|400) /);
    } finally {
      for (const crowd of crowds) crowd.close();
    }
  });
}

/** Any client in any network, as the rack of this process names it. */
const anybody = (index: number) =>
  `X-Rackboot-Rack: ${live.config.rackSecret}\r\nX-Forwarded-For: 10.${index >> 8}.${index & 255}.9\r\n`;

/** Sends a request as the control socket does. @returns the status */
function askAsOperator(method: string, path: string, body: string): Promise<number> {
  const headers = {
    'X-Rackboot-Control': live.config.controlSecret ?? assert.fail(),
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': body.length,
  };
  const socketPath = join(live.config.stateDir, OPERATOR_SOCKET);
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

test('only root and the user of the daemon may open the sockets of this process; the operator’s alone gives no rights', async () => {
  const path = join(live.config.stateDir, OPERATOR_SOCKET);
  for (const name of [OPERATOR_SOCKET, RACK_SOCKET])
    assert.equal(statSync(join(live.config.stateDir, name)).mode & 0o777, 0o600, name);
  const { text } = await new Promise<{ text: string }>((resolve) => {
    const asked = request({ socketPath: path, path: '/MAAS/api/2.0/machines/', agent: false }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve({ text: String(answer.statusCode) }));
    });
    asked.end();
  });
  assert.equal(text, '401');
});

test('large bodies that come by the rack’s socket are bounded like all others', async () => {
  const path = join(live.config.stateDir, RACK_SOCKET);
  const answered = new Set<Socket>();
  const sockets = Array.from({ length: LARGE_BODIES_MAX + BODIES_WAITING_MAX + 10 }, (_, index) => {
    const socket = connect(path);
    socket.on('error', () => undefined).on('data', () => void answered.add(socket));
    socket.write(slowPost(anybody(index), 1_900_000));
    return socket;
  });
  try {
    await eventuallyWithin(MS_MAX, 'one that finds no place', () => answered.size > 0);
    assert.ok(answered.size < sockets.length - LARGE_BODIES_MAX, 'the others keep their places');
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

const CROWDS: readonly (readonly [string, number, number])[] = [
  [`${LARGE_BODIES_MAX} large bodies`, LARGE_BODIES_MAX, 1_900_000],
  [`${CONNECTIONS_MAX} connections`, CONNECTIONS_MAX, 100],
];
for (const [name, count, length] of CROWDS) {
  test(`${name} of as many networks take no place from users of the control socket`, async () => {
    const crowds: Crowd[] = [];
    try {
      for (let index = 0; index < count; index += 1) {
        const first = slowPost(anybody(index), length);
        crowds.push(await Crowd.open(live.port, ['127.9.0.2'], 1, { first }));
      }
      await settled(() => live.api.connections());
      const body = `name=main_archive&value=${'x'.repeat(100_000)}`;
      const status = await askAsOperator('POST', '/MAAS/api/2.0/maas/?op=set_config', body);
      assert.ok([200, 400].includes(status), String(status));
    } finally {
      for (const crowd of crowds) crowd.close();
    }
  });
}
