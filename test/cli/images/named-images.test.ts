// How images that no source has get their bytes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addedNotes } from '../../../src/cli/images/named-images.ts';
import { decodeImage, encodeImage, type StoredImage } from '../../../src/images/store/image-store.ts';

const MADE: StoredImage = {
  os: 'debian',
  release: 'trixie',
  architecture: 'arm64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20261101',
  title: 'Debian trixie',
  sha256: 'ab'.repeat(32),
  bytes: 9,
  diskBytes: 9,
  format: 'raw.zst',
  partitionTable: 'gpt',
  isMade: true,
};

test('an image that was made is made again, and the manifest keeps that it was', () => {
  assert.deepEqual(decodeImage(encodeImage(MADE)), MADE);
  assert.deepEqual(
    [...addedNotes([MADE], ' --tree /t').values()],
    [
      'it was made on this host; `rackboot images make-debian --release trixie --arch arm64 --tree /t` makes a new one, then ' +
        '`rackboot images remove debian/trixie/arm64/generic/release/20261101 --tree /t` removes this one',
    ],
  );
});

test('an image of a file is added again', () => {
  const { isMade: _, ...added } = MADE;
  assert.match(addedNotes([added], '').get(added) ?? '', /^it was added from a file; `rackboot images add FILE /);
  const bundled = { ...added, bundle: 'my images.tar' };
  const again =
    "it came with my images.tar; `rackboot images import './my images.tar'` brings it again, in the directory of that file";
  assert.equal(addedNotes([bundled], '').get(bundled), again);
});
