// Finding the operations of a target: which path of the table it names, and the values of its parameters.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { API_VERSIONS, operationsByPath } from '../../../src/region/api/operations.ts';
import { findOperations, PATH_VALUE_MAX } from '../../../src/region/http/operation-paths.ts';

const LONGEST = 'x'.repeat(PATH_VALUE_MAX);
const TOO_LONG = `${LONGEST}x`;

/** The path of the table that a target names, and its values; or that it names nothing. */
function named(target: string, version: '1.0' | '2.0' = '2.0'): unknown {
  const found = findOperations(version, target);
  return found.kind === 'operations' ? [found.operations[0]?.path, found.path] : (found.tooLong ?? found.kind);
}

const api = (rest: string): unknown => named(`/MAAS/api/2.0/${rest}`);

const FOUND: readonly (readonly [
  name: string,
  rest: string,
  path: string,
  values: Readonly<Record<string, string>>,
])[] = [
  ['a path without a parameter', 'machines/', 'machines', {}],
  ['a path without its slash at the end', 'machines', 'machines', {}],
  ['a path with several slashes at its end', 'machines///', 'machines', {}],
  ['a path with repeated slashes', '/machines//abc', 'machines/{system_id}', { system_id: 'abc' }],
  ['a query after the slash', 'machines/abc/?op=a/b', 'machines/{system_id}', { system_id: 'abc' }],
  ['a query without a slash', 'machines/abc?x=/y/', 'machines/{system_id}', { system_id: 'abc' }],
  ['a fragment', 'machines/abc#/interfaces', 'machines/{system_id}', { system_id: 'abc' }],
  ['a name over a parameter', 'account/prefs/sshkeys/', 'account/prefs/sshkeys', {}],
  [
    'a parameter that other paths have, too',
    'nodes/1/blockdevices/2/',
    'nodes/{system_id}/blockdevices/{id}',
    { system_id: '1', id: '2' },
  ],
  [
    'the parameters under the names of the longer path',
    'nodes/1/blockdevices/2/partition/3/',
    'nodes/{system_id}/blockdevices/{device_id}/partition/{id}',
    { system_id: '1', device_id: '2', id: '3' },
  ],
  [
    'a partition below the plural',
    'nodes/1/blockdevices/2/partitions/3/',
    'nodes/{system_id}/blockdevices/{device_id}/partition/{id}',
    { system_id: '1', device_id: '2', id: '3' },
  ],
  [
    'a volume group below the plural',
    'nodes/1/volume-groups/3/',
    'nodes/{system_id}/volume-group/{id}',
    { system_id: '1', id: '3' },
  ],
  ['the list of volume groups', 'nodes/1/volume-groups/', 'nodes/{system_id}/volume-groups', { system_id: '1' }],
  ['a value that is also a name', 'fabrics/vlans/', 'fabrics/{id}', { id: 'vlans' }],
  [
    'a path of files that are uploaded',
    'boot-resources/7/upload/a.gz',
    'boot-resources/{id}/upload/{file}',
    { id: '7', file: 'a.gz' },
  ],
  ['an encoded letter of a name', 'm%61chines/', 'machines', {}],
  ['an encoded slash in a value', 'files/a%2Fb%2f/', 'files/{filename}', { filename: 'a/b/' }],
  ['a slash in the name of a file', 'files/a/b/?op=x/y', 'files/{filename}', { filename: 'a/b' }],
  ['an encoded slash at the end of a name', 'files/a/b%2F', 'files/{filename}', { filename: 'a/b/' }],
  ['repeated slashes in the name of a file', '/files//a//b//', 'files/{filename}', { filename: '/a//b/' }],
  ['only slashes after the list of files', 'files///', 'files', {}],
  ['a slash in a network', 'subnets/10.20.0.0/24/', 'subnets/{id}', { id: '10.20.0.0/24' }],
  ['a slash in a network without one at the end', 'subnets/10.0.0.0/8?op=x', 'subnets/{id}', { id: '10.0.0.0/8' }],
  ['repeated slashes around a network', 'subnets//10.0.0.0//8//', 'subnets/{id}', { id: '10.0.0.0/8' }],
  ['a slash in a network with its kind', 'subnets/cidr:10.0.0.0/8/', 'subnets/{id}', { id: 'cidr:10.0.0.0/8' }],
  ['a slash alone as a value', 'files/%2F/', 'files/{filename}', { filename: '/' }],
  ['an encoded percent sign once', 'files/%2541%25/', 'files/{filename}', { filename: '%41%' }],
  ['reserved characters', 'tags/%3F%23%3b%26a+b;=@:$,/', 'tags/{name}', { name: '?#;&a+b;=@:$,' }],
  ['letters beyond ASCII', 'tags/gr%C3%BCn/', 'tags/{name}', { name: 'grün' }],
  ['bytes beyond ASCII', 'tags/\u00fc/', 'tags/{name}', { name: '\u00fc' }],
  ['dots, which lead nowhere else', 'tags/../', 'tags/{name}', { name: '..' }],
  ['a name of an object', 'tags/__proto__/', 'tags/{name}', { name: '__proto__' }],
  ['the longest value', `tags/${LONGEST}/`, 'tags/{name}', { name: LONGEST }],
  ['the longest value, encoded', `tags/${'%78'.repeat(PATH_VALUE_MAX)}/`, 'tags/{name}', { name: LONGEST }],
];

for (const [name, rest, path, values] of FOUND) {
  test(`finds ${name}`, () => assert.deepEqual(api(rest), [path, values]));
}

const NOTHING: readonly (readonly [name: string, rest: string])[] = [
  ['an empty path', ''],
  ['only slashes', '///'],
  ['an unknown name', 'nothing/'],
  ['more than a network', 'subnets/10.20.0.0/24/24/'],
  ['a prefix that is not a number', 'subnets/10.20.0.0/24x/'],
  ['a slash where a value has none', 'tags/a/24/'],
  ['a list below the singular', 'nodes/1/volume-group/'],
  ['a plural that MAAS does not have', 'nodes/1/raids/3/'],
  ['a name in other letters', 'Machines/'],
  ['the beginning of a name', 'machine/'],
  ['the beginning of a path', 'account/prefs/'],
  ['more than a path', 'version/1/'],
  ['an encoded slash between names', 'account%2Fprefs%2Fsshkeys/'],
  ['a long name where no parameter stands', `${TOO_LONG}/`],
  ['a long segment after the end of a path', `version/${TOO_LONG}/`],
  ['a parameter of the table', 'constructor/'],
  ['thousands of segments', 'a/'.repeat(8000)],
  ['thousands of values', `nodes/${'1/'.repeat(8000)}`],
];

for (const [name, rest] of NOTHING) {
  test(`finds nothing for ${name}`, () => assert.equal(api(rest), 'nothing'));
}

test('a value that is too long is named with its path, even before a segment that nothing has', () => {
  assert.equal(api(`tags/${TOO_LONG}/?op=a`), `/MAAS/api/2.0/tags/${TOO_LONG}`);
  assert.equal(api(`tags/%2F${LONGEST}/nothing`), `/MAAS/api/2.0/tags//${LONGEST}/nothing`);
  assert.equal(api(`files/a/${LONGEST}/`), `/MAAS/api/2.0/files/a/${LONGEST}`);
});

test('a target in absolute form names what its path names', () => {
  for (const origin of ['http://rack', 'HTTPS://user@rack:5240', 'http://[fe80::1]:80']) {
    assert.deepEqual(named(`${origin}/MAAS/api/2.0/tags/a/?x=http://b/`), ['tags/{name}', { name: 'a' }], origin);
  }
});

test('a version has only its own paths', () => {
  assert.equal(named('/MAAS/api/2.0/networks/'), 'nothing');
  assert.deepEqual(named('/MAAS/api/1.0/version/', '1.0'), ['version', {}]);
  assert.equal(named('/MAAS/api/1.0/machines/', '1.0'), 'nothing');
});

test('every path of the table is found with whatever its parameters are', () => {
  const value = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  for (const version of API_VERSIONS) {
    for (const [path, operations] of operationsByPath(version)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
      const all = fc.array(value, { minLength: names.length, maxLength: names.length });
      fc.assert(
        fc.property(all, (values) => {
          const left = values.values();
          const rest = path.replace(/\{\w+\}/g, () => encodeURIComponent(left.next().value ?? ''));
          const found = findOperations(version, `/MAAS/api/${version}/${rest}/`);
          assert.ok(found.kind === 'operations');
          assert.deepEqual(found.operations, operations);
          assert.deepEqual(Object.values(found.path), values);
        }),
        { numRuns: 20 },
      );
    }
  }
});
