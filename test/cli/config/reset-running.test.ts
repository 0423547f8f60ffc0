// A command that needs the state directory alone names what its user gave, and no key of a configuration file that others use.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockState } from '../../../src/store/state-lock.ts';
import { missing } from '../../support/needs.ts';
import { runRackboot } from '../../support/running-rack.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-reset-running-'));
after(() => rmSync(place, { recursive: true }));

for (const words of [
  ['reset', '--yes', '--keep-images'],
  ['leases', 'import', join(place, 'leases')],
])
  test(`\`${words[0]}\` is refused while a Rackboot starts on its state directory, and names --config`, {
    skip: missing('linux'),
  }, async () => {
    const [config, state] = [join(place, 'rackboot.yaml'), join(place, 'state')];
    writeFileSync(config, `name: rack\nstate_dir: ${state}\nregion: { mode: embedded }\n`);
    writeFileSync(join(place, 'leases'), '1767225600 52:54:00:00:00:01 10.20.0.9 one *\n');
    const lock = lockState(state);
    try {
      const { code, complaints } = await runRackboot([...words, '--config', config]);
      assert.equal(code, 1);
      const text = `another Rackboot already runs here for ${state} (process ${process.pid}); stop it first, or name another configuration file with --config`;
      assert.equal(complaints[0], `rackboot: ${text}`);
    } finally {
      lock.release();
    }
  });
