// The mirror of an installer: of its source, of the configuration, of the host, of the distribution, per architecture.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMirror } from '../../../src/images/sources/package-mirrors.ts';
import { configuredMirrors } from '../../../src/region/preseed/configured-mirrors.ts';
import { DEFAULT_MIRRORS } from '../../../src/region/preseed/request.ts';

const UBUNTU = {
  os: 'ubuntu',
  mirror: undefined,
  defaultMirror: 'http://main.example/ubuntu/',
  defaultPortsMirror: 'http://ports.example/ubuntu-ports/',
};
const DEBIAN = { ...UBUNTU, os: 'debian', defaultMirror: 'http://main.example/debian/', defaultPortsMirror: undefined };
const CONFIGURED = {
  debian: 'http://near.example/debian',
  ubuntu: 'http://near.example/ubuntu',
  ubuntuPorts: 'http://near.example/ports',
};
const HOST = ['http://host.example/debian/', 'http://host.example/ubuntu/', 'http://host.example/ubuntu-ports/'];

const CASES: readonly (readonly [string, Parameters<typeof findMirror>, string | undefined])[] = [
  [
    'the source first',
    [{ ...UBUNTU, mirror: 'http://own.example/' }, 'amd64', CONFIGURED, HOST],
    'http://own.example/',
  ],
  ['then the configuration', [UBUNTU, 'amd64', CONFIGURED, HOST], 'http://near.example/ubuntu/'],
  ['which has another for i386', [UBUNTU, 'i386', CONFIGURED, HOST], 'http://near.example/ubuntu/'],
  ['and another for arm64', [UBUNTU, 'arm64', CONFIGURED, HOST], 'http://near.example/ports/'],
  ['Debian has one for all', [DEBIAN, 'arm64', CONFIGURED, HOST], 'http://near.example/debian/'],
  ['then the host', [UBUNTU, 'amd64', {}, HOST], 'http://host.example/ubuntu/'],
  ['for arm64 its ports', [UBUNTU, 'arm64', {}, HOST], 'http://host.example/ubuntu-ports/'],
  ['then the distribution', [UBUNTU, 'amd64', {}, []], 'http://main.example/ubuntu/'],
  ['for arm64 its ports, too', [UBUNTU, 'arm64', {}, []], 'http://ports.example/ubuntu-ports/'],
  ['or none', [{ ...DEBIAN, defaultMirror: undefined }, 'amd64', {}, []], undefined],
  [
    'another system has no configured one',
    [{ ...DEBIAN, os: 'devuan' }, 'amd64', CONFIGURED, []],
    'http://main.example/debian/',
  ],
];
for (const [name, given, expected] of CASES)
  test(`the mirror is that of … ${name}`, () => assert.equal(findMirror(...given), expected));

test('a configuration that leaves the mirrors as shipped names none', () => {
  const of = (mirrors: typeof DEFAULT_MIRRORS) => configuredMirrors({ preseeds: { directory: '/etc', mirrors } });
  assert.deepEqual(Object.values(of(DEFAULT_MIRRORS)), [undefined, undefined, undefined]);
  assert.equal(of({ ...DEFAULT_MIRRORS, debian: 'http://near.example/debian' }).debian, 'http://near.example/debian');
  assert.deepEqual(configuredMirrors(undefined), {});
});
