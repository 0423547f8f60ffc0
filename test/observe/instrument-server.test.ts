// The instruments' listener while a host holds its connections: scrapes and health checks are still answered.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseIpv4 } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { CONNECTIONS_MAX, InstrumentServer, WAITING_MAX } from '../../src/observe/instrument-server.ts';
import { addresses, ask, Crowd, settled } from '../support/crowd.ts';

// The bounds, written out: raising one fails a test here.
const SCRAPE_RATE = { perSecond: 1, burst: 20 };
const ADDRESS_RATE = { perSecond: 20, burst: 100 };
const LATE_MS = 1000;
const WATCHER = '127.0.0.1';
const REQUEST = ['GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'];

const server = new InstrumentServer({
  clock: systemClock,
  metrics: async () => 'rackboot_up 1\n',
  readiness: () => ({ ready: true, notReady: [] }),
  onListening: () => undefined,
  onFailed: (_, reason) => assert.fail(reason),
});
const LISTEN = [{ address: parseIpv4(WATCHER) ?? assert.fail(), port: 0 }];
let port = 0;

before(async () => {
  await server.configure(LISTEN);
  port = Number(server.listening[0]?.split(':')[1]);
});
after(() => server.close());

// Runs first: connections of a crowd that has left may still be counted later.
test(`no more than ${CONNECTIONS_MAX} connections are served and ${WAITING_MAX} wait, when all hosts have equally many`, async () => {
  const crowd = await Crowd.open(port, addresses(8, 1), CONNECTIONS_MAX + WAITING_MAX + 32, { first: 'GET /' });
  try {
    await settled(() => crowd.open);
    assert.equal(crowd.open, CONNECTIONS_MAX + WAITING_MAX);
  } finally {
    crowd.close();
  }
});

for (const [name, from, first] of [
  ['from one address, sending nothing', ['127.9.0.2'], ''],
  ['from one address, in the middle of a request', ['127.9.0.2'], 'GET /metrics HTTP/1.1\r\n'],
  ['from eight networks', addresses(8, 1), ''],
] as const) {
  test(`a check is answered while a host holds all connections, ${name}`, async () => {
    const crowd = await Crowd.open(port, from, CONNECTIONS_MAX + WAITING_MAX, { first });
    try {
      const { text } = await ask(port, WATCHER, REQUEST);
      assert.match(text, /^HTTP\/1\.1 200 [\s\S]*"ready":true/);
    } finally {
      crowd.close();
    }
  });
}

test('a closed listener leaves no connection waiting', async () => {
  const crowd = await Crowd.open(port, ['127.9.0.2'], CONNECTIONS_MAX + WAITING_MAX);
  await server.configure([]);
  for (let tries = 0; crowd.open > 0 && tries < 50; tries += 1) await sleep(20);
  assert.equal(crowd.open, 0);
  crowd.close();
});

describe('a host that asks in a tight loop', () => {
  const ASKED = 300;
  const many = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(4);
  let made = 0;
  const clock = systemClock;
  const busy = new InstrumentServer({
    clock,
    metrics: async () => {
      made += 1;
      return `rackboot_up ${made}\n`;
    },
    readiness: () => ({ ready: true, notReady: [] }),
    onListening: () => undefined,
    onFailed: (_, reason) => assert.fail(reason),
  });
  let busyPort = 0;
  before(async () => {
    await busy.configure(LISTEN);
    busyPort = Number(busy.listening[0]?.split(':')[1]);
  });
  after(() => busy.close());

  /** Asks a number of times in sequence. @returns the number of responses per status */
  async function askOften(from: string, path: string): Promise<Record<string, number>> {
    const statuses: Record<string, number> = {};
    const one = async (): Promise<void> => {
      const { text } = await ask(busyPort, from, [`${many(path).slice(0, -4)}\r\nConnection: close\r\n\r\n`]);
      for (const [, status = ''] of text.matchAll(/^HTTP\/1\.1 (\d+)/gm))
        statuses[status] = (statuses[status] ?? 0) + 1;
    };
    await Promise.all(Array.from({ length: ASKED / 4 }, one));
    return statuses;
  }

  test('causes few scrapes and gets late 429s, and others are answered', async () => {
    const from = clock.now();
    const flood = askOften('127.9.0.7', '/metrics');
    const { text } = await ask(busyPort, WATCHER, [many('/metrics').slice(0, -4), '\r\nConnection: close\r\n\r\n']);
    assert.match(text, /rackboot_up \d/);
    const statuses = await flood;
    const seconds = (clock.now() - from) / 1000;
    assert.ok(seconds >= LATE_MS / 1000, 'the last requests are answered late');
    assert.ok(
      (statuses['200'] ?? 0) <= ADDRESS_RATE.burst + ADDRESS_RATE.perSecond * seconds,
      JSON.stringify(statuses),
    );
    assert.ok(
      (statuses['429'] ?? 0) >= ASKED - ADDRESS_RATE.burst - ADDRESS_RATE.perSecond * seconds,
      JSON.stringify(statuses),
    );
    assert.ok(made <= SCRAPE_RATE.burst + seconds, `${made} texts were made`);
  });

  test('causes few scrapes from many addresses too', async () => {
    made = 0;
    const from = clock.now();
    for (let index = 0; index < 60; index += 1) {
      const { text } = await ask(busyPort, `127.9.1.${index}`, [
        `GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      ]);
      assert.match(text, /^HTTP\/1\.1 200/);
    }
    assert.ok(made <= SCRAPE_RATE.burst + 1 + (clock.now() - from) / 1000, `${made} texts were made`);
  });
});
