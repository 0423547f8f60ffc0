// Which listeners of a new configuration are asked for before it is applied.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newListeners } from '../../../src/daemon/rack/region-preflight.ts';

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
  ['what stays is not asked for', place(['10.0.0.1:5240']), place(['10.0.0.1:5240']), []],
  ['a second one is', place(['10.0.0.1:5240']), place(['10.0.0.1:5240', '10.0.0.1:80']), ['10.0.0.1:80']],
  [
    'the first one over TLS is',
    place(['10.0.0.1:5240']),
    place(['10.0.0.1:5240'], ['10.0.0.1:5443']),
    ['10.0.0.1:5443'],
  ],
  [
    'one that moves to TLS is its own',
    place(['10.0.0.1:5240', '10.0.0.1:5443']),
    place(['10.0.0.1:5240'], ['10.0.0.1:5443']),
    [],
  ],
  ['so is one address of all', place(['0.0.0.0:5240']), place(['10.0.0.1:5240']), []],
  ['and all of one address', place(['10.0.0.1:5240']), place(['0.0.0.0:5240']), []],
];

for (const [name, before, next, asked] of CASES) {
  test(`of a region's listeners, ${name}`, () => {
    const { listen, tlsListen } = newListeners(next, before);
    assert.deepEqual([...listen, ...tlsListen], at(...asked));
  });
}
