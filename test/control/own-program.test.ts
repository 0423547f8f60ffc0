// The printed command is `rackboot` only where the shell finds this installation by that name.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nextSteps } from '../../src/cli/config/init.ts';
import { findOwnProgram } from '../../src/control/own-program.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MAIN = join(ROOT, 'bin', 'rackboot.js');

test('the command names this installation as the shell finds it from the directory of the user', () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-program-'));
  try {
    assert.equal(findOwnProgram('', ROOT), 'node bin/rackboot.js');
    assert.equal(findOwnProgram(place, '/'), `node ${MAIN.slice(1)}`);
    assert.equal(findOwnProgram(place, place), `node ${MAIN}`);
    writeFileSync(join(place, 'rackboot'), '#!/bin/sh\n', { mode: 0o755 });
    assert.equal(findOwnProgram(place, ROOT), 'node bin/rackboot.js', 'another installation');
    rmSync(join(place, 'rackboot'));
    symlinkSync(MAIN, join(place, 'rackboot'));
    assert.equal(findOwnProgram(place, ROOT), 'rackboot');
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('the next steps of init are typed as init was', () => {
  const place = { file: '/etc/rackboot/rackboot.yaml', isDefaultFile: true, tree: '/t', pageUrl: 'http://x/' };
  const steps = nextSteps({ ...place, hasUnit: false, isRoot: true, program: 'node bin/rackboot.js' });
  assert.ok(
    steps.some((line) => line.startsWith('  sudo node bin/rackboot.js images build  ')),
    steps.join('\n'),
  );
  assert.ok(!steps.some((line) => /(?:^|\s)rackboot /.test(line)), steps.join('\n'));
});
