// A build names its steps; its packages only if a person asks for them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildProgress, buildImages, importInstallerImage } from '../../../src/cli/images/build.ts';
import { unpackPackages } from '../../../src/images/build/debian-package.ts';
import { printedBy } from '../../support/printed.ts';

const PACKAGES = ['one', 'two'].map((name) => ({
  file: `/nowhere/${name}.deb`,
  name,
  version: '1.0',
  architecture: 'amd64',
  sha256: '',
}));

async function linesOf(shown: { readonly isVerbose: boolean; readonly isSilent: boolean }): Promise<readonly string[]> {
  const { text } = await printedBy(async () => {
    const progress = new BuildProgress({ ...shown, isTerminal: false });
    progress.step('Unpacking 2 packages');
    for (const [at, { name }] of PACKAGES.entries())
      progress.part({ text: `Unpacking ${name}`, number: at + 1, total: PACKAGES.length });
    progress.step('Packing 3 drivers for Linux 6.1');
    progress.close();
  });
  return text.split('\n').filter((line) => line !== '');
}

test('a build prints a line for each step, one for each package on demand, and none for a program', async () => {
  const steps = ['Unpacking 2 packages', 'Packing 3 drivers for Linux 6.1'];
  assert.deepEqual(await linesOf({ isVerbose: false, isSilent: false }), steps);
  const each = [steps[0], 'Unpacking one', 'Unpacking two', steps[1]];
  assert.deepEqual(await linesOf({ isVerbose: true, isSilent: false }), each);
  assert.deepEqual(await linesOf({ isVerbose: true, isSilent: true }), []);
});

test('packages are unpacked in one step with a part for each', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-build-'));
  t.after(() => rmSync(scratch, { recursive: true }));
  const said: string[] = [];
  const reports = {
    onProgress: (text: string) => void said.push(text),
    onPart: ({ text, number, total }: { text: string; number: number; total: number }) =>
      void said.push(`${text}: ${number} of ${total}`),
  };
  await assert.rejects(unpackPackages(PACKAGES, scratch, reports));
  assert.deepEqual(said, ['Unpacking 2 packages', 'Unpacking one 1.0: 1 of 2']);
});

test('a build says at its beginning which programs are missing, with the packages that have them', async () => {
  const path = process.env.PATH;
  const flags = { config: '/nowhere', arch: 'amd64', verbose: false, json: false } as const;
  process.env.PATH = '/nowhere';
  try {
    await assert.rejects(buildImages(flags), {
      code: 'tool-missing',
      message:
        'Building the boot environment needs dpkg-deb and apt-get, which this host lacks: sudo apt-get install dpkg apt',
    });
    await assert.rejects(importInstallerImage({ ...flags, package: [] }), {
      code: 'tool-missing',
      message: /(?:depmod and )?dpkg-deb, which this host lacks: sudo apt-get install (?:kmod )?dpkg$/,
    });
  } finally {
    process.env.PATH = path;
  }
});
