import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing, type Need, NO_MIRROR, withoutMirrorText } from './needs.ts';

/** Variants of a program, by their behaviour. */
const OTHERS: readonly (readonly [Need, script: string, lacks: RegExp])[] = [
  // The output of the shell in Debian's package busybox, which runs the host's `date`.
  [
    'busybox',
    'echo "date: invalid option -- \'D\'" >&2; exit 1',
    /which lacks date -D in its shell \(apt-get install busybox-static\)/,
  ],
  ['nc', 'echo "[v1.10-47]" >&2; exit 1', /\(apt-get install netcat-openbsd\)/],
  ['tftp', 'exit 0', /\(apt-get install tftp-hpa\)/],
];

for (const [need, script, lacks] of OTHERS) {
  test(`a different ${need} than tests need counts as missing, and the package to install is named`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-needs-'));
    const path = process.env.PATH;
    try {
      writeFileSync(join(directory, need), `#!/bin/sh\n${script}\n`);
      chmodSync(join(directory, need), 0o755);
      process.env.PATH = `${directory}:${path}`;
      assert.match(String(missing(need)), lacks);
    } finally {
      process.env.PATH = path;
      rmSync(directory, { recursive: true });
    }
  });
}

test('an installed program counts as present, any other as missing', () => {
  assert.equal(missing('linux'), process.platform === 'linux' ? false : 'needs Linux');
  const { PATH: path } = process.env;
  try {
    process.env.PATH = '/nowhere';
    assert.equal(missing('zsh'), 'needs zsh (apt-get install zsh)');
  } finally {
    process.env.PATH = path;
  }
});

test('a mirror that apt cannot reach is a need of its own, reported with the command that shows why', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-needs-'));
  const { PATH: path, RACKBOOT_TEST_MIRROR: known } = process.env;
  const judge = (code: number): string | false => {
    writeFileSync(join(directory, 'apt-get'), `#!/bin/sh\nexit ${code}\n`, { mode: 0o755 });
    delete process.env.RACKBOOT_TEST_MIRROR;
    return missing('debian-mirror');
  };
  try {
    process.env.PATH = `${directory}:${path}`;
    assert.equal(judge(100), `needs ${NO_MIRROR}`);
    assert.match(NO_MIRROR, /^a Debian mirror .*apt-get update/);
    assert.equal(judge(0), false);
    assert.match(
      withoutMirrorText(3),
      /^No Debian mirror was reached from this host, so 3 of these, which build boot images, did not run/,
    );
  } finally {
    process.env.PATH = path;
    if (known === undefined) delete process.env.RACKBOOT_TEST_MIRROR;
    else process.env.RACKBOOT_TEST_MIRROR = known;
    rmSync(directory, { recursive: true });
  }
});
