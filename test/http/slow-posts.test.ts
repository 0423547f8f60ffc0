// Posts that arrive slowly or never whole take no place at the region from the reports of others.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { PROXIED_MAX } from '../../src/http/proxy.ts';
import { addresses, ask, Crowd, settled } from '../support/crowd.ts';
import { portOf } from '../support/listening-port.ts';
import { makeRegion, openRig, type Rig } from './rig.ts';

const region = makeRegion((request, response) => {
  let bytes = 0;
  request.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
  });
  request.on('end', () => response.end(`took ${bytes}`));
});

let rig: Rig;
before(async () => {
  region.listen(0, '127.0.0.1');
  await once(region, 'listening');
  rig = await openRig({ host: '127.0.0.1', port: portOf(region) });
});
after(async () => {
  await rig.server.close();
  region.closeAllConnections();
  region.close();
});

const post = (length: number): string =>
  `POST /MAAS/api/2.0/machines/ HTTP/1.1\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
const BODY = 'x'.repeat(2048);

const ATTACKS: readonly (readonly [name: string, says: Parameters<typeof Crowd.open>[3]])[] = [
  ['never arrive', { first: post(2048) }],
  ['arrive at one octet a second', { first: post(2048), again: 'x', everyMs: 1000 }],
  ['begin with a large part and never end', { first: post(1_000_000) + 'x'.repeat(100_000) }],
];

for (const [name, says] of ATTACKS) {
  test(`a report is answered while the bodies of ${PROXIED_MAX + 44} posts from five addresses ${name}`, async () => {
    const crowd = await Crowd.open(rig.port, addresses(5, 5), PROXIED_MAX + 44, says);
    try {
      const { text } = await ask(rig.port, '127.0.0.1', [post(2048) + BODY]);
      assert.match(text, /^HTTP\/1\.1 200[\s\S]*took 2048$/);
    } finally {
      crowd.close();
    }
  });
}

/** One address in each network: with one place each, all have equal shares, and so has a newcomer. */
const ONE_EACH = Array.from({ length: PROXIED_MAX }, (_, index) => `127.${1 + (index >> 4)}.${index & 15}.2`);

/** Just fast enough to avoid a 408. */
const DRIP = { again: 'x'.repeat(256), everyMs: 1000 };
const DRIPS: typeof ATTACKS = [
  ['arrive at 256 octets a second', { first: post(60_000), ...DRIP }],
  [
    'begin with a large part and continue at 256 octets a second',
    { first: post(1_000_000) + 'x'.repeat(100_000), ...DRIP },
  ],
];

for (const [name, says] of DRIPS) {
  test(`a report finds a place while the bodies of ${PROXIED_MAX} posts from as many networks ${name}`, async () => {
    const crowd = await Crowd.open(rig.port, ONE_EACH, PROXIED_MAX, says);
    try {
      await settled(() => rig.server.counters().requests);
      const { text } = await ask(rig.port, '127.0.0.1', [post(2048) + BODY]);
      assert.match(text, /^HTTP\/1\.1 200[\s\S]*took 2048$/);
    } finally {
      crowd.close();
    }
  });
}

test('a post whose body never arrives gets 408, and an honest one of 2 KiB in sixteen seconds succeeds', async () => {
  const pieces = [post(2048), ...Array.from({ length: 16 }, () => 'x'.repeat(128))];
  const [silent, slow] = await Promise.all([
    ask(rig.port, '127.0.0.2', [post(2048)]),
    ask(rig.port, '127.0.0.1', pieces, 1000),
  ]);
  assert.match(silent.text, /^HTTP\/1\.1 408 /);
  assert.match(slow.text, /^HTTP\/1\.1 200[\s\S]*took 2048$/);
});

test('a large body arrives whole, with a length or in chunks', async () => {
  const body = 'x'.repeat(3_000_000);
  const chunked = post(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked');
  const announced = await ask(rig.port, '127.0.0.1', [post(body.length) + body]);
  assert.match(announced.text, /^HTTP\/1\.1 200[\s\S]*took 3000000$/);
  const parts = [chunked, `${body.length.toString(16)}\r\n${body}\r\n`, '0\r\n\r\n'];
  assert.match((await ask(rig.port, '127.0.0.1', parts, 50)).text, /^HTTP\/1\.1 200[\s\S]*took 3000000$/);
});
