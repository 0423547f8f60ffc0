// The progress of `images make-debian`, from lines as mmdebstrap 1.3.5 prints them with --verbose.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DebianProgress } from '../../src/images/build/debian-root.ts';

const many = (count: number, line: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => line(index + 1));

const round = (packages: number): readonly string[] => [
  'The following NEW packages will be installed:',
  `0 upgraded, ${packages} newly installed, 0 to remove and 0 not upgraded.`,
  ...many(
    packages,
    (at) => `Get:${at} http://mirror.example/debian bookworm/main amd64 p${at} amd64 1.0-${at} [37.6 kB]`,
  ),
  ...many(packages, (at) => `Unpacking p${at} (1.0-${at}) ...\r`),
  ...many(packages, (at) => `Setting up p${at} (1.0-${at}) ...\r`),
];

test('each step and each tenth of the packages is shown once', () => {
  const progress = new DebianProgress();
  const lines = [
    'I: automatically chosen mode: root',
    'I: running apt-get update...',
    ...many(6, (at) => `Get:${at} http://mirror.example/debian bookworm InRelease [151 kB]`),
    'I: installing remaining packages inside the chroot...',
    ...round(69),
    'I: creating tarball...',
    'I: success in 93.0566 seconds',
  ];
  const tenths = (done: string): string[] => many(10, (at) => `${done} ${10 * at} % of 69 packages`);
  assert.deepEqual(
    lines.flatMap((line) => progress.read(line) ?? []),
    [
      'Running apt-get update',
      'Installing remaining packages inside the chroot',
      ...tenths('Downloaded'),
      ...tenths('Installed'),
      'Creating tarball',
    ],
  );
});

test('a round of few packages skips tenths, and the next round begins again', () => {
  const progress = new DebianProgress();
  const shown = [...round(2), ...round(1)].flatMap((line) => progress.read(line) ?? []);
  assert.deepEqual(shown, [
    'Downloaded 50 % of 2 packages',
    'Downloaded 100 % of 2 packages',
    'Installed 20 % of 2 packages',
    'Installed 50 % of 2 packages',
    'Installed 70 % of 2 packages',
    'Installed 100 % of 2 packages',
    'Downloaded 100 % of 1 package',
    'Installed 50 % of 1 package',
    'Installed 100 % of 1 package',
  ]);
});
