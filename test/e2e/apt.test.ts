// A failure of apt is reported in one line: the failure, the reason and the remedy. Its questions have a cache.
// @host waits

import assert from 'node:assert/strict';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import { Apt } from '../../src/images/build/apt.ts';
import { missing } from '../support/needs.ts';

/** A directory for packages, removed after the test. */
function placeOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-apt-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

const queryIn = (directory: string, release: string) =>
  ({ architecture: 'amd64', release, directory, onProgress: () => undefined }) as const;

async function assertReportedInOneLine(t: TestContext, release: string, names: readonly string[]): Promise<void> {
  const fetching = Apt.open(queryIn(placeOf(t), release)).then((apt) => apt.download(names));
  await assert.rejects(fetching, (error: unknown) => {
    assert.ok(error instanceof RackError && error.code === 'tool-failed', String(error));
    assert.doesNotMatch(error.message, /\n|\b[EWN]: /);
    assert.match(error.message, /apt-get update.*--package/);
    return true;
  });
}

describe('apt reports in one line', { skip: missing('apt-get') }, () => {
  test('a release without lists', (t) => assertReportedInOneLine(t, 'no-such-release', ['x']));
  test('an unknown package', (t) => assertReportedInOneLine(t, 'bookworm', ['no-such-package']));
});

// On each Debian at least one of the two is a foreign release, with private lists.
for (const release of ['bookworm', 'trixie'])
  test(`${release}: the libraries of several packages are those of each, and questions use a cache in the directory`, {
    skip: missing('apt-get', 'debian-mirror'),
  }, async (t) => {
    const directory = placeOf(t);
    const apt = await Apt.open(queryIn(directory, release));
    const [fdisk, zstd] = [await apt.listLibraries('fdisk'), await apt.listLibraries('zstd')];
    assert.ok(fdisk.includes('libfdisk1') && zstd.includes('liblz4-1'), `${fdisk} ${zstd}`);
    assert.deepEqual(new Set(await apt.listLibraries('fdisk', 'zstd')), new Set([...fdisk, ...zstd]));
    assert.notDeepEqual(globSync('**/pkgcache.bin', { cwd: directory }), [], 'the host may have no cache');
  });
