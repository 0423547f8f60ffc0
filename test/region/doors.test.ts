import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { ApiDoors, REPORT_RATE } from '../../src/region/api/doors.ts';
import { ask } from '../support/crowd.ts';
import { withRegion } from './place.ts';

test('ended connections are reported once a minute, with the number of further ones', () =>
  withRegion(async ({ region, clock }) => {
    const reports: string[] = [];
    const doors = new ApiDoors(region, ({ text }) => void reports.push(text));
    const server = createServer((request) => doors.connections.refuse(request, 'body-gave-way'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const end = async (): Promise<void> => {
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
