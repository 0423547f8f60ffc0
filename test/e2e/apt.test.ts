// A failure of apt is reported in one line: the failure, the reason and the remedy.
// @host waits

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { RackError } from '../../src/errors.ts';
import { Apt } from '../../src/images/apt.ts';
import { missing } from '../support/needs.ts';

const MS_MAX = 120_000;

async function assertReportedInOneLine(t: TestContext, release: string, names: readonly string[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-apt-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const query = { architecture: 'amd64', release, directory, onProgress: () => undefined };
  const fetching = Apt.open(query).then((apt) => apt.download(names));
  await assert.rejects(fetching, (error: unknown) => {
    assert.ok(error instanceof RackError && error.code === 'tool-failed', String(error));
    assert.doesNotMatch(error.message, /\n|\b[EWN]: /);
    assert.match(error.message, /apt-get update.*--package/);
    return true;
  });
}

describe('apt reports in one line', { skip: missing('apt-get') }, () => {
  test('a release without lists', { timeout: MS_MAX }, (t) => assertReportedInOneLine(t, 'no-such-release', ['x']));
  test('an unknown package', { timeout: MS_MAX }, (t) => assertReportedInOneLine(t, 'bookworm', ['no-such-package']));
});
