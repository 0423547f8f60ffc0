// The refusal of a system without an image names the nearest system that the machine could be deployed with.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ListedImage, refuseImage } from '../../../src/region/life/deployment.ts';
import { sentenceOf } from '../../../src/region/words/refusal.ts';

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
const MACHINE = { architecture: 'amd64', subarchitecture: 'generic' } as const;

const CASES: readonly (readonly [osystem: string, release: string, meant: string | undefined])[] = [
  ['', 'bookwrom', 'debian/bookworm'],
  ['', 'nobel', 'ubuntu/noble'],
  ['debian', 'bookwrom', 'debian/bookworm'],
  ['debain', 'bookworm', 'debian/bookworm'],
  ['', 'trixi', undefined],
  ['', 'windows', undefined],
  ['', '', undefined],
];

for (const [osystem, release, meant] of CASES) {
  test(`"${osystem}/${release}" is answered with ${meant ?? 'no name'}`, () => {
    const text = sentenceOf(refuseImage(MACHINE, osystem, release, IMAGES));
    assert.equal(/Did you mean (\S+)\?/.exec(text)?.[1], meant);
    assert.match(text, /^there is no image of .* for amd64\/generic\. .*`rackboot images list`.*`rackboot images add`/);
  });
}
