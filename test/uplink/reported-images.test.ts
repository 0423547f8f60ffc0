// The images that a rack reports to its region: copies of the region's are told from those that a person added on the rack.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  blobPath,
  COPY_SOURCE,
  encodeImage,
  manifestPath,
  type StoredImage,
} from '../../src/images/store/image-store.ts';
import { parseRackImages } from '../../src/region/records/heartbeat.ts';
import { listReportedImages } from '../../src/uplink/reported-images.ts';

test('a rack says which of its images are copies of the region’s', () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-reported-'));
  try {
    const sha256 = 'a'.repeat(64);
    for (const [release, source] of [
      ['copied', COPY_SOURCE],
      ['imported', 'site'],
      ['mine', undefined],
    ] as const) {
      const image: StoredImage = {
        os: 'ubuntu',
        release,
        architecture: 'amd64',
        subarchitecture: 'generic',
        label: 'release',
        serial: '20261101',
        title: '',
        sha256,
        bytes: 1,
        format: 'raw',
        diskBytes: 1,
        partitionTable: 'gpt',
        ...(source === undefined ? {} : { origin: { source, algorithm: 'sha256', hex: sha256 } }),
      };
      for (const [path, text] of [
        [manifestPath(tree, image), encodeImage(image)],
        [join(tree, blobPath(sha256, 'raw')), 'x'],
      ] as const) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      }
    }
    const reported = JSON.parse(JSON.stringify(listReportedImages(tree)));
    assert.deepEqual(
      parseRackImages(reported).map(({ release, isCopy }) => [release, isCopy]),
      [
        ['copied', true],
        ['imported', undefined],
        ['mine', undefined],
      ],
    );
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
});
