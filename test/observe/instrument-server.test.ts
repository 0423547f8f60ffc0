// The listener of the instruments while somebody holds its connections: scrapes and checks of health are answered all the same.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sleep, systemClock } from '../../src/clock.ts';
import { parseIpv4 } from '../../src/net/address.ts';
import { CONNECTIONS_MAX, InstrumentServer, WAITING_MAX } from '../../src/observe/instrument-server.ts';
import { addresses, ask, Crowd, settled } from '../support/crowd.ts';

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

// First: connections of a crowd that has gone may still be known.
test(`no more than ${CONNECTIONS_MAX} connections are served and ${WAITING_MAX} wait, of hosts that all have as many`, async () => {
  const crowd = await Crowd.open(port, addresses(8, 1), CONNECTIONS_MAX + WAITING_MAX + 32, { first: 'GET /' });
  try {
    await settled(() => crowd.open);
    assert.equal(crowd.open, CONNECTIONS_MAX + WAITING_MAX);
  } finally {
    crowd.close();
  }
});

for (const [name, from, first] of [
  ['from one address, saying nothing', ['127.9.0.2'], ''],
  ['from one address, in the middle of a request', ['127.9.0.2'], 'GET /metrics HTTP/1.1\r\n'],
  ['from eight networks', addresses(8, 1), ''],
] as const) {
  test(`a check is answered at once while somebody holds as many connections as there are, ${name}`, async () => {
    const crowd = await Crowd.open(port, from, CONNECTIONS_MAX + WAITING_MAX, { first });
    try {
      const { text, ms } = await ask(port, WATCHER, REQUEST);
      assert.match(text, /^HTTP\/1\.1 200 [\s\S]*"ready":true/);
      assert.ok(ms < 1000, `${ms} ms`);
    } finally {
      crowd.close();
    }
  });
}

test('a listener that is given up leaves nobody waiting', async () => {
  const crowd = await Crowd.open(port, ['127.9.0.2'], CONNECTIONS_MAX + WAITING_MAX);
  await server.configure([]);
  for (let tries = 0; crowd.open > 0 && tries < 50; tries += 1) await sleep(20);
  assert.equal(crowd.open, 0);
  crowd.close();
});
