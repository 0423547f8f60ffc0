// The URL of the page in commands and the log: one that other hosts reach, wherever the person asks from.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../../src/ground/address.ts';
import { pageUrl } from '../../src/region/page-url.ts';

type Place = Parameters<typeof pageUrl>[0];
const EVERYWHERE: Place = { listen: [{ host: '0.0.0.0', port: 5240 }], publicUrl: undefined, tls: undefined };
const BOTH: Place = {
  ...EVERYWHERE,
  listen: [
    { host: '127.0.0.1', port: 5240 },
    { host: '10.20.0.1', port: 5241 },
  ],
};
const LOCAL: Place = { ...EVERYWHERE, listen: [{ host: '127.0.0.1', port: 5240 }] };
const PUBLIC: Place = { ...EVERYWHERE, publicUrl: 'https://rack.example/MAAS' };

const CASES: readonly (readonly [name: string, place: Place, origin: string, own: string | undefined, url: string])[] =
  [
    ['the public URL', PUBLIC, 'http://10.0.0.9:5240', '10.0.0.9', 'https://rack.example/MAAS/'],
    ['where a person of another host is', EVERYWHERE, 'http://10.0.0.9:5240', '10.1.1.1', 'http://10.0.0.9:5240/MAAS/'],
    [
      'the host’s address for a person on it',
      EVERYWHERE,
      'http://127.0.0.1:5240',
      '10.1.1.1',
      'http://10.1.1.1:5240/MAAS/',
    ],
    ['the host’s address for the log', EVERYWHERE, '', '10.1.1.1', 'http://10.1.1.1:5240/MAAS/'],
    [
      'loopback of a host without an address',
      EVERYWHERE,
      'http://localhost:5240',
      undefined,
      'http://127.0.0.1:5240/MAAS/',
    ],
    ['a listener that others reach', BOTH, 'http://127.0.0.1:5240', '10.1.1.1', 'http://10.20.0.1:5241/MAAS/'],
    ['the only listener', LOCAL, 'http://[::1]:5240', '10.1.1.1', 'http://127.0.0.1:5240/MAAS/'],
  ];
for (const [name, place, origin, own, url] of CASES)
  test(`the page is at ${name}`, () =>
    assert.equal(
      pageUrl(place, origin, () => (own === undefined ? undefined : parseIpv4(own))),
      url,
    ));

test('a host at whose every address the region listens is never named by that address', () => {
  assert.doesNotMatch(pageUrl(EVERYWHERE), /0\.0\.0\.0/);
});
