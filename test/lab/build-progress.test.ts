// The progress of building an environment: numbered steps, no names of packages, megabytes as they arrive.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildProgress } from '../../src/lab/build-progress.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('each step is reported once with its number, and with the megabytes that have arrived', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-progress-'));
  const clock = new VirtualClock();
  const lines: string[] = [];
  const progress = new BuildProgress(directory, (line) => void lines.push(line), clock);
  try {
    progress.tell('Looking up the packages');
    progress.tell('Reading the package lists of bookworm for amd64');
    progress.tell('Fetching 34 packages, 80.0 MB');
    clock.advance(3000);
    writeFileSync(join(directory, 'linux-image_6.1_amd64.deb'), Buffer.alloc(20_000_000));
    clock.advance(3000);
    progress.tell('Unpacking linux-image 6.1');
    progress.tell('Unpacking busybox-static 1.35');
    progress.tell('Packing 300 drivers for Linux 6.1');
    progress.tell('Fetching 6 packages, 4.5 MB');
    progress.end();
    clock.advance(60_000);
  } finally {
    rmSync(directory, { recursive: true });
  }
  assert.deepEqual(lines, [
    'Step 1 of 5: looking up the packages',
    'Step 2 of 5: fetching the packages of the environment, 80.0 MB',
    'Step 2 of 5: 20 of 80 MB',
    'Step 3 of 5: unpacking the packages',
    'Step 4 of 5: packing the environment',
    'Step 5 of 5: fetching the loaders, 4.5 MB',
  ]);
});
