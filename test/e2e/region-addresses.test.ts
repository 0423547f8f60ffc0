// Several addresses of a region of which only one is a region's: the commands show the others. Real sockets on loopback, by any
// user.
// @host rests

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { REGION_FIELD } from '../../src/net/region-http.ts';
import { portOf } from '../support/listening-port.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const FAR = labPlace(52);

/** True while the region has no database. */
let isAway = false;

const isRegion: RequestListener = (request, response) => {
  request.resume();
  response.setHeader(REGION_FIELD.name, REGION_FIELD.value);
  // Pings are answered without the database.
  if (isAway && request.url !== '/MAAS/api/version/') {
    response.writeHead(503, { 'Retry-After': '5' }).end('its database does not answer');
    return;
  }
  response.end(JSON.stringify({ uuid: '11111111-2222-4333-8444-555555555501', status: 'accepted', text: '' }));
};

describe('a rack whose region.url names a foreign server and a port at which nothing listens', () => {
  const region = createServer(isRegion);
  const foreign = createServer((_request, response) => response.writeHead(404).end());
  let rack: RunningRack;
  let urls: readonly string[];

  before(async () => {
    for (const server of [region, foreign]) await once(server.listen(0, '127.0.0.1'), 'listening');
    urls = [portOf(region), portOf(foreign), 1].map((port) => `http://127.0.0.1:${port}/MAAS`);
    rack = new RunningRack(FAR, (written) =>
      written.replace(/^region: .*$/m, `region: { mode: remote, url: ${JSON.stringify(urls)} }`),
    );
    await rack.start();
  });
  after(async () => {
    await rack.remove();
    for (const server of [region, foreign]) {
      server.closeAllConnections();
      server.close();
    }
  });

  const run = async (...words: readonly string[]): Promise<string> => (await rack.rackboot(...words)).output.join('\n');

  test('status and doctor say so, while the rack is linked', async () => {
    const [good, wrong, dead] = urls;
    const shown = [
      new RegExp(`^ +${good} is in use, answered .* ago$`, 'm'),
      new RegExp(`^Note +region address: ${wrong} answers 404, but is not a Rackboot region: .* \\(for .*\\)$`, 'm'),
      new RegExp(`^Note +region address: ${dead} does not answer: .*ECONNREFUSED.* \\(for .*\\)$`, 'm'),
    ];
    // The rack serves before its link begins, and asks the addresses one after another.
    await eventually(
      'status shows all three',
      async () => {
        const status = await run('status');
        return shown.every((line) => line.test(status));
      },
      60_000,
    );
    const doctor = await run('doctor');
    assert.match(doctor, new RegExp(`^note region address: ${wrong} answers 404`, 'm'));
    assert.match(doctor, new RegExp(`^note region address: ${dead} does not answer`, 'm'));
    assert.doesNotMatch(doctor, /^BAD +region: /m);
  });

  test('while it answers 503, the region is away since then, and doctor marks that as a problem', async () => {
    const [good] = urls;
    const startMs = Date.now();
    isAway = true;
    const link = async () => JSON.parse(await run('status', '--json')).region.link;
    await eventually('the rack was refused', async () => (await link()).state === 'away', 60_000);
    const { since } = await link();
    assert.ok(since >= startMs - 1000 && since <= Date.now());
    // A ping comes every three seconds.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    assert.equal((await link()).since, since);
    const status = await run('status');
    assert.match(status, /^Region {2}away at http:\S+ since /m);
    assert.match(
      status,
      new RegExp(`^Note +region address: ${good} answers 503: its database does not answer \\(for .*\\)$`, 'm'),
    );
    assert.match(await run('doctor'), /^BAD +region: serves this rack at none of its 3 addresses \(since .*\)$/m);
    isAway = false;
    await eventually('the region is back', async () => (await link()).state === 'up', 60_000);
  });
});
