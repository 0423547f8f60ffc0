// The README's first two commands in a bare Debian.

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BareRoot } from './bare-root.ts';
import { endProgram, whileRunning } from './child.ts';
import { eventuallyWithin } from './eventually.ts';

const ROOT = dirname(dirname(import.meta.dirname));
/** The packages that the README says to install. */
export const BARE_PACKAGES: readonly string[] = ['nodejs', 'npm', 'ca-certificates'];
const ENLISTED_MS_MAX = 300_000;

/** Puts the checked-out commit into the user's home as `rackboot.bundle`, for git to clone. */
export function bringBundle(root: BareRoot): void {
  const bundle = join(root.home, 'rackboot.bundle');
  execFileSync('git', ['-C', ROOT, 'bundle', 'create', bundle, 'HEAD'], { stdio: 'pipe' });
  chmodSync(bundle, 0o644);
}

/** Watches `npm start` in `rackboot` of the user's home until the machine of the lab is New. */
export async function enlistInLab(root: BareRoot): Promise<void> {
  const lab = root.start('cd rackboot && exec npm start', { alone: true });
  try {
    const isNew = (): boolean => / is enlisted: .* as New$/m.test(lab.text());
    await whileRunning(lab.child, eventuallyWithin(ENLISTED_MS_MAX, 'the machine is New', isNew), lab.text);
    assert.doesNotMatch(lab.text(), /ERR_|a bug:/);
  } finally {
    await endProgram(lab.child, 'SIGKILL');
  }
}
