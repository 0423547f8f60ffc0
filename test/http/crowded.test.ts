// A boot listener with all connections held by other hosts still serves the machines behind one router.
// @process own

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { CONNECTIONS_MAX, WAITING_MAX } from '../../src/http/server.ts';
import { addresses, ask, Crowd, settled } from '../support/crowd.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { openRig, type Rig } from './rig.ts';

const IMAGE_BYTES = 100_000;
const MACHINES = 200;
const ROUTER = '127.0.0.1';

let rig: Rig;
before(async () => {
  rig = await openRig();
  rig.tree.files.set('image', new Uint8Array(IMAGE_BYTES).fill(65));
  rig.tree.files.set('huge', new Uint8Array(32 * 1024 * 1024));
});
after(() => rig.server.close());

/** In two pieces, so that all connections are open at once. */
const GET = ['GET /image HTTP/1.1\r\n', 'Connection: close\r\n\r\n'];
/** A connection without a whole request is idle and closed for any newcomer. For a connection that loads a file only the shares decide. */
const ATTACKS: readonly (readonly [name: string, from: readonly string[], says: Parameters<typeof Crowd.open>[3]])[] = [
  ['nothing, from one address', ['127.9.0.2'], {}],
  [
    'nothing, from four addresses of the network of the router',
    addresses(4, 4).map((one) => one.replace('127.1', '127.0')),
    {},
  ],
  ['nothing, from sixty-four networks', addresses(64, 1), {}],
  [
    'one octet of a request a second, from sixteen networks',
    addresses(64, 4),
    { first: 'GET /', again: 'a', everyMs: 1000 },
  ],
  [
    'for a long file that they do not read, from sixteen addresses of the network of the router',
    addresses(16, 16).map((one) => one.replace('127.1', '127.0')),
    { first: 'GET /huge HTTP/1.1\r\n\r\n', reads: false },
  ],
  [
    'for a long file that they do not read, from four networks',
    addresses(16, 4),
    { first: 'GET /huge HTTP/1.1\r\n\r\n', reads: false },
  ],
];

for (const [name, from, says] of ATTACKS) {
  test(`${MACHINES} downloads through one address all complete while ${CONNECTIONS_MAX} connections ask ${name}`, async () => {
    const crowd = await Crowd.open(rig.port, from, CONNECTIONS_MAX, says);
    try {
      await settled(() => rig.server.counters().connections);
      const replies = await Promise.all(Array.from({ length: MACHINES }, () => ask(rig.port, ROUTER, GET, 1000)));
      const whole = replies.filter(({ text }) => text.length > IMAGE_BYTES && text.startsWith('HTTP/1.1 200'));
      assert.equal(whole.length, MACHINES);
    } finally {
      crowd.close();
    }
  });
}

test(`no more than ${CONNECTIONS_MAX} connections are served and ${WAITING_MAX} wait when all hosts hold equal shares`, async (context) => {
  // Time stands still, so that nobody who waits is turned away, however slow the host is.
  const at = systemClock.now();
  const { server, port } = await openRig(undefined, undefined, undefined, { ...systemClock, now: () => at });
  context.after(() => server.close());
  const crowd = await Crowd.open(port, addresses(64, 1), CONNECTIONS_MAX + WAITING_MAX + 64, { first: 'GET /' });
  try {
    await eventuallyWithin(30_000, 'only those that wait remain', () => crowd.open <= CONNECTIONS_MAX + WAITING_MAX);
    await settled(() => crowd.open);
    assert.equal(server.counters().open, CONNECTIONS_MAX);
    assert.equal(crowd.open, CONNECTIONS_MAX + WAITING_MAX);
  } finally {
    crowd.close();
  }
});
