// The refusal of a system without an image names the nearest system that the machine could be deployed with; kernels are ordered by age.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOlderKernel, kernelRank, type ListedImage, refuseImage } from '../../../src/region/life/deployment.ts';

const image = (os: string, release: string, architecture = 'amd64'): ListedImage => ({
  os,
  release,
  architecture,
  subarchitecture: 'generic',
  label: 'release',
  serial: '1',
  title: '',
  sha256: '',
  bytes: 1,
});
const IMAGES = [
  image('debian', 'bookworm'),
  image('debian', 'trixie', 'arm64'),
  image('ubuntu', 'noble'),
  image('ubuntu', 'jammy'),
];
const MACHINE = { architecture: 'amd64', subarchitecture: 'generic', hostname: 'able-otter' } as const;

const CASES: readonly (readonly [osystem: string, release: string, meant: string | undefined])[] = [
  ['', 'bookwrom', 'debian/bookworm'],
  ['', 'nobel', 'ubuntu/noble'],
  ['debian', 'bookwrom', 'debian/bookworm'],
  ['debain', 'bookworm', 'debian/bookworm'],
  ['', 'trixi', undefined],
  ['', 'windows', undefined],
];

for (const [osystem, release, meant] of CASES) {
  test(`"${osystem}/${release}" is answered with ${meant ?? 'no name'}`, () => {
    const text = refuseImage(MACHINE, osystem, release, IMAGES).text;
    assert.equal(/Did you mean (\S+)\?/.exec(text)?.[1], meant);
    assert.match(text, /for amd64\/generic\. .*`rackboot images list`.*`rackboot images add`/);
  });
}

test('without a name, a system that there is is the example; without any for the machine, that is said', () => {
  const textOf = (osystem: string, images: readonly ListedImage[]): string =>
    refuseImage(MACHINE, osystem, '', images).text;
  assert.match(textOf('', IMAGES), /^name the system to deploy on able-otter, for example debian\/bookworm: /);
  assert.match(textOf('ubuntu', IMAGES), /, for example ubuntu\/noble: /);
  assert.match(
    textOf('', [image('debian', 'trixie', 'arm64')]),
    /^there is no image of any system for amd64\/generic\./,
  );
});

test('the kernels of Ubuntu are ordered by their age', () => {
  const order = [
    'hwe-p',
    'ga-14.04',
    'hwe-u',
    'ga-16.04',
    'hwe-16.04',
    'ga-22.04',
    'hwe-22.04',
    'hwe-22.04-edge',
    'ga-24.04',
    'hwe-24.04-lowlatency',
    'hwe-24.04-lowlatency-edge',
    'hwe-rolling',
  ];
  const ranks = order.map((name) => kernelRank(name) ?? 0);
  assert.deepEqual(
    ranks,
    ranks.toSorted((one, other) => one - other),
  );
  assert.equal(new Set(ranks).size, order.length);
  for (const [name, twin] of [
    ['hwe-t', 'ga-14.04'],
    ['hwe-x', 'ga-16.04'],
    ['ga-24.04-lowlatency', 'ga-24.04'],
  ] as const)
    assert.equal(kernelRank(name), kernelRank(twin), name);
  for (const name of ['', 'generic', 'hwe', 'hwe-a', 'ga-24', 'GA-24.04', 'ga-24.04-', 'xgene-uboot'])
    assert.equal(kernelRank(name), undefined, name);
});

test('a kernel whose age is unknown is not too old', () => {
  assert.ok(isOlderKernel('ga-24.04', 'hwe-24.04'));
  assert.ok(!isOlderKernel('hwe-24.04', 'hwe-24.04'));
  for (const [name, least] of [
    [undefined, 'hwe-24.04'],
    ['generic', 'hwe-24.04'],
    ['ga-24.04', undefined],
  ] as const)
    assert.ok(!isOlderKernel(name, least));
});
