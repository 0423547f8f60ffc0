import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { parseNetwork } from '../../../src/ground/address.ts';
import { CONNECTIONS_MAX, ListenerLimits, REPORT_RATE } from '../../../src/region/http/listener-limits.ts';
import { noteText } from '../../../src/region/reports/notes.ts';
import { ask, Crowd, settled } from '../../support/crowd.ts';
import { portOf } from '../../support/listening-port.ts';
import { withRegion } from '../place.ts';

test('ended connections are reported once a minute, with the number of further ones', () =>
  withRegion(async ({ region, clock }) => {
    const reports: string[] = [];
    const doors = new ListenerLimits(region, ({ note }) => void reports.push(noteText(note)));
    const server = createServer((request) => doors.connections.refuse(request, 'body-gave-way'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = portOf(server);
    const end = async () => {
      const { text } = await ask(port, '127.0.0.1', ['GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']);
      assert.match(text, /^HTTP\/1\.1 503 /);
    };
    try {
      for (let times = 0; times < REPORT_RATE.burst + 4; times += 1) await end();
      assert.equal(reports.length, REPORT_RATE.burst);
      await clock.pass(1000 / REPORT_RATE.perSecond);
      await end();
      assert.match(reports.at(-1) ?? '', /, and 4 more before it: /);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }));

const BALANCER = '127.0.0.1';
const OTHER_HOST = '127.0.0.2';
/** A request that a load balancer passes on for a client. */
const passedOn = (client: string, method: string) =>
  `${method} / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${client}\r\nConnection: close\r\n`;

test(
  'one client that holds all connections of a load balancer takes none from its other clients',
  { timeout: 30_000 },
  () =>
    withRegion(
      async ({ region }) => {
        const reports: string[] = [];
        const doors = new ListenerLimits(region, ({ note }) => void reports.push(noteText(note)));
        // Answers when the whole body is there.
        const server = createServer((request, response) => request.resume().on('end', () => response.end('answered')));
        doors.connections.guard(server);
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        const port = portOf(server);
        const first = `${passedOn('198.51.100.7', 'POST')}Content-Length: 60000\r\n\r\nusername=`;
        const crowd = await Crowd.open(port, [BALANCER], CONNECTIONS_MAX, { first });
        try {
          await settled(() => doors.connections.servedCount);
          const shares = ['198.51.100.7', BALANCER].map((address) => doors.connections.getCount(address));
          assert.deepEqual(shares, [CONNECTIONS_MAX, 0]);
          for (const client of ['198.51.100.8', '203.0.113.9:40001']) {
            const { text } = await ask(port, BALANCER, [`${passedOn(client, 'GET')}\r\n`]);
            assert.match(text, /answered/, client);
          }
          const { text } = await ask(port, OTHER_HOST, [`${passedOn('198.51.100.7', 'GET')}\r\n`]);
          assert.match(text, /answered/, 'a host that is not a load balancer counts for itself');
          assert.match(
            reports.join('\n'),
            /^the API ended a connection from 198\.51\.100\.7: it held more than its share/,
          );
        } finally {
          crowd.close();
          server.closeAllConnections();
          server.close();
        }
      },
      { proxies: [`${BALANCER}/32`].flatMap((text) => parseNetwork(text) ?? []) },
    ),
);
