// An architecture that cannot be built is refused by the command line itself, before any work.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { ownProgram } from '../../../src/control/own-program.ts';
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
      `rackboot: "mips" is not a value of --arch, which takes ${command === 'build' ? 'amd64 or arm64' : 'amd64, arm64 or i386'}\nSee ${ownProgram()} images ${command} --help.\n`,
    );
  });
}

test('images build says of i386 that there is no environment, before it looks for packages', async () => {
  let code: number | undefined;
  const { complaint } = await printedBy(async () => {
    code = await runCommandLine([
      'images',
      'build',
      '--arch',
      'i386',
      '--tree',
      '/nonexistent',
      '--release',
      'bookworm',
    ]);
  });
  assert.equal(code, 2);
  assert.match(complaint, /^rackboot: Rackboot has no environment for 32-bit processors \(i386\)/);
});
