// `npm run package` asks before it begins: minutes of work end with no complaint that was known before.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageTools } from '../../packaging/debian-package.ts';
import { repositoryTools } from '../../packaging/repository.ts';

const FILE = join(import.meta.dirname, '../../packaging/run.ts');

/** Runs it on a host that has no program of its own. */
const runBare = (...words: readonly string[]) =>
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', FILE, ...words], {
    env: { PATH: '/nonexistent' },
    encoding: 'utf8',
  });

test('whatever it cannot do is one line before the first step', () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--arch', 'riscv64'], /^package: --arch riscv64: it is amd64 or arm64\n$/],
    [
      ['--arch', 'arm64'],
      /^package: Packaging needs git, npm, tar, dpkg-deb and aarch64-linux-gnu-strip, .*: sudo apt-get install .*binutils-aarch64/,
    ],
    [['--colour'], /^package: Unknown option '--colour'/],
  ];
  for (const [words, expected] of cases) {
    const { status, stdout, stderr } = runBare(...words);
    assert.equal(stdout, '');
    assert.match(stderr, expected);
    assert.doesNotMatch(stderr, /^ +at |Building/m);
    assert.equal(status, 1);
  }
});

test('the programs are those of the chosen architectures, and a key needs gpg', () => {
  const names = (tools: ReturnType<typeof packageTools>): string[] => tools.map((tool) => tool.package);
  assert.deepEqual(names(packageTools(['amd64'])), ['dpkg', 'binutils-x86-64-linux-gnu']);
  assert.deepEqual(names(packageTools(['arm64'])), ['dpkg', 'binutils-aarch64-linux-gnu']);
  assert.deepEqual(names(repositoryTools(undefined)), ['apt-utils']);
  assert.deepEqual(names(repositoryTools('site')), ['apt-utils', 'gnupg']);
});
