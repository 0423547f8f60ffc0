// The listeners of a new configuration that are checked before it is applied.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkRegion, findNewListeners } from '../../../src/daemon/rack/region-preflight.ts';
import { RackError } from '../../../src/ground/errors.ts';
import { portOf } from '../../support/listening-port.ts';

const at = (...places: readonly string[]) =>
  places.map((place) => ({ host: place.split(':')[0] ?? '', port: Number(place.split(':')[1]) }));
const place = (listen: readonly string[], tls?: readonly string[]) => ({
  listen: at(...listen),
  tls: tls === undefined ? undefined : { cert: '/c', key: '/k', listen: at(...tls) },
});

const CASES: readonly (readonly [
  name: string,
  before: ReturnType<typeof place>,
  next: ReturnType<typeof place>,
  asked: readonly string[],
])[] = [
  ['unchanged ones are not checked', place(['10.0.0.1:5240']), place(['10.0.0.1:5240']), []],
  ['an additional one is checked', place(['10.0.0.1:5240']), place(['10.0.0.1:5240', '10.0.0.1:80']), ['10.0.0.1:80']],
  [
    'the first one over TLS is checked',
    place(['10.0.0.1:5240']),
    place(['10.0.0.1:5240'], ['10.0.0.1:5443']),
    ['10.0.0.1:5443'],
  ],
  [
    'a port that moves to TLS is not checked',
    place(['10.0.0.1:5240', '10.0.0.1:5443']),
    place(['10.0.0.1:5240'], ['10.0.0.1:5443']),
    [],
  ],
  ['a single address in place of all addresses is not checked', place(['0.0.0.0:5240']), place(['10.0.0.1:5240']), []],
  ['all addresses in place of a single one are not checked', place(['10.0.0.1:5240']), place(['0.0.0.0:5240']), []],
];

for (const [name, before, next, asked] of CASES) {
  test(`of a region's listeners, ${name}`, () => {
    const { listen, tlsListen } = findNewListeners(next, before);
    assert.deepEqual([...listen, ...tlsListen], at(...asked));
  });
}

test('a start next to an interrupted copy is refused, and begins no empty region', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-preflight-'));
  try {
    writeFileSync(join(stateDir, 'region.db.unfinished'), '');
    await assert.rejects(
      checkRegion({ listen: [], tls: undefined, stateDir }),
      /a copy into .*region\.db was not finished: /,
    );
    assert.deepEqual(readdirSync(stateDir), ['region.db.unfinished']);
  } finally {
    rmSync(stateDir, { recursive: true });
  }
});

test('a region whose ports are taken names all of them', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-preflight-'));
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  try {
    for (const server of servers) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      ports.push(portOf(server));
    }
    const [one = 0, two = 0] = ports;
    const region = { listen: at(`127.0.0.1:${one}`, `127.0.0.1:${two}`), tls: undefined, stateDir };
    await assert.rejects(checkRegion(region), (error) => {
      assert.ok(error instanceof RackError);
      assert.equal(error.code, 'address-in-use');
      const named = error.message
        .split('\n')
        .map((line) => /:(\d+) \(TCP\) is in use.*change (\S+)$/.exec(line)?.slice(1));
      assert.deepEqual(named, [
        [String(one), 'region.listen'],
        [String(two), 'region.listen'],
      ]);
      return true;
    });
  } finally {
    for (const server of servers) server.close();
    rmSync(stateDir, { recursive: true });
  }
});
