// The address of a region as people write it for a login.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRegionAddress } from '../../../src/cli/clients/login.ts';

test('an address is taken with and without its path, with and without a version', () => {
  for (const [written, url, api] of [
    ['http://127.0.0.1/MAAS/api/1.0', 'http://127.0.0.1/MAAS', '1.0'],
    ['http://127.0.0.1/MAAS/api/1.0/', 'http://127.0.0.1/MAAS', '1.0'],
    ['http://localhost:5240/MAAS', 'http://localhost:5240/MAAS', '2.0'],
    ['http://localhost:5240/MAAS/', 'http://localhost:5240/MAAS', '2.0'],
    ['http://rack:5240', 'http://rack:5240/MAAS', '2.0'],
    ['http://rack:5240/', 'http://rack:5240/MAAS', '2.0'],
    ['http://rack:5240/api/1.0', 'http://rack:5240/MAAS', '1.0'],
    ['http://rack:5240/MAAS/api', 'http://rack:5240/MAAS', '2.0'],
    ['https://rack.example/MAAS/api/2.0/', 'https://rack.example/MAAS', '2.0'],
    ['http://[fd00::1]:5240/MAAS', 'http://[fd00::1]:5240/MAAS', '2.0'],
  ] as const)
    assert.deepEqual(parseRegionAddress(written), { url, api }, written);
});

test('any other text is refused with the form of an address', () => {
  for (const [written, said] of [
    ['rack:5240/MAAS', /write it as http:\/\/rack:5240\/MAAS/],
    ['', /write it as http:\/\/rack:5240\/MAAS/],
    ['ftp://x/MAAS', /"ftp:\/\/x\/MAAS" is not .*http:\/\/x\/MAAS$/],
    ['ftp://ann:secret@x:80/MAAS', /write it as http:\/\/x:80\/MAAS$/],
    ['https//rack/MAAS', /write it as http:\/\/rack\/MAAS$/],
    ['ftp:x', /write it as http:\/\/rack:5240\/MAAS$/],
    ['http://rack/MAAS/api/3.0', /the path is \/MAAS, \/MAAS\/api\/1\.0 or/],
    ['http://rack/other', /the path is \/MAAS/],
    ['http://rack/MAAS?op=x', /the path is \/MAAS/],
    ['http://ann:secret@rack/MAAS', /must not contain a name or password/],
  ] as const)
    assert.throws(() => parseRegionAddress(written), { code: 'bad-argument', message: said }, written);
});
