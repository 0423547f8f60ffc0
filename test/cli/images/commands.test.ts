// An architecture that cannot be built is refused by the command line itself, before any work.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { findOwnProgram } from '../../../src/control/own-program.ts';
import { printedBy } from '../../support/printed.ts';

for (const command of ['build', 'import-installer']) {
  test(`images ${command} for an unknown architecture lists those that there are`, async () => {
    let code: number | undefined;
    const { complaint } = await printedBy(async () => {
      code = await runCommandLine([
        'images',
        command,
        '--arch',
        'mips',
        '--tree',
        '/nonexistent',
        '--release',
        'bookworm',
      ]);
    });
    assert.equal(code, 2);
    assert.equal(
      complaint,
      `rackboot: "mips" is not a value of --arch, which takes ${command === 'build' ? 'amd64, arm64, armhf, i386' : 'amd64, arm64, armhf, i386, loong64'} or riscv64\nSee ${findOwnProgram()} images ${command} --help.\n`,
    );
  });
}
